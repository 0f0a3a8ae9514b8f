"""Tasks: what they are, how an item is worded, those of lm-eval by name, and the export to lm-eval."""
