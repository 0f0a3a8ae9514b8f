"""The article: every number in it is looked up in the pipeline's results, none is typed."""
