"""What share of the learning rate each layer gets; one module each."""
