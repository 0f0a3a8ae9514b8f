"""Making base models and tokenizers: trained here, copied from a folder, or read from the hub."""
