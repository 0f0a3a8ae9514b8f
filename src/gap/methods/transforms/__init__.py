"""What is done to the finished change of the weights; one module each."""
