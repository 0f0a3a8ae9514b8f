"""Readers: each turns one kind of source into (identity, text) pairs in a fixed order."""
