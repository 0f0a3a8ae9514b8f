"""Are these the results that were expected?  Run by run, within what repeats and the noise floor say is noise."""
