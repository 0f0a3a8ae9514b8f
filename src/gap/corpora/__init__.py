"""Texts for post-training: documents from any source, windows sampled from them, and a check against the evaluation items."""
