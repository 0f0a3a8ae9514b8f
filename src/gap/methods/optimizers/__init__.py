"""How a gradient becomes a step; one module each."""
