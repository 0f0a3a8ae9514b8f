"""What a base model makes of a text before any update: how familiar it is, and where its gradient points."""
