"""How far scores can be trusted: noise floor, tokens at the boundary, comparison of two tables."""
