"""The 12 evaluation tasks: what they are, how an item is worded, and the same for lm-eval."""
