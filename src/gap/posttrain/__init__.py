"""Post-training: a few updates up the loss of one text, their trajectory, and their exact replay."""
