"""Log-probabilities of continuations and greedy answers, and the checks that a fast path must pass."""
