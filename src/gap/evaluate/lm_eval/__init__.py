"""lm-eval's HF backend on our items, and our scorer as a model of lm-eval."""
