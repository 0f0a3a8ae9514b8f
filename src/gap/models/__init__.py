"""Using base models: loading weights and tokenizers, encoding texts, digests of weights, sharding between devices."""
