"""Tokenizers and base models: trained here, copied from a folder, or read from the hub; loading and digesting weights."""
