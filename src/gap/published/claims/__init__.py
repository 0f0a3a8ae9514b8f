"""What the paper claims, recomputed: one module per table or figure, each with a function ``section``."""
