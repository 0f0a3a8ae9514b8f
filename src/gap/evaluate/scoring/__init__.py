"""Log-probabilities of continuations, and greedy answers, with the checks of the fast paths."""
