"""Readers: each turns one kind of source into documents in a fixed order, by a function ``read(source, seed)``."""
