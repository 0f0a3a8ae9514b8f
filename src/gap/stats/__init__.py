"""Statistics that several stages share: bootstrap, intervals, ranks, corrections for many tests."""
