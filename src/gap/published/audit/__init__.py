"""What the released rows can and cannot carry: one module per check, each with a function ``section``."""
