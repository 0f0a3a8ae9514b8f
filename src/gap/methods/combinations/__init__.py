"""How many runs become one checkpoint; one module each."""

#: Sums over runs, one per update, that a job keeps on the host at a time, at most; for more updates the runs are repeated.
SUMS = 8
