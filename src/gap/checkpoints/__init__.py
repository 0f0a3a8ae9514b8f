"""Checkpoints as recipes: any step of any run as a normal Hugging Face folder."""
