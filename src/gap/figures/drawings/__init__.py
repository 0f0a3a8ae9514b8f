"""One module per figure, registered in ``gap.figures.registry``."""
