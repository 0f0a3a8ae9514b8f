"""One module per table, registered in ``gap.figures.registry``."""
