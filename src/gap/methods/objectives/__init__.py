"""The loss whose gradient is taken; one module each."""
