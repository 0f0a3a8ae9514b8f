"""How many runs become one checkpoint; one module each."""
