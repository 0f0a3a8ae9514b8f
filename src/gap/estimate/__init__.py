"""From item scores to estimates with two-way intervals, and to verdicts on the paper's claims by rules that were fixed beforehand."""
