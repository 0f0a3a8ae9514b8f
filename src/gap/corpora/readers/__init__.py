"""Readers: each turns one kind of source into (identity, title, text) triples in a fixed order; the title is empty where there is none."""
