"""Order statistics: what the best of several runs is worth."""

from __future__ import annotations

import numpy as np


def expected_maximum(gains: np.ndarray, runs: int) -> float:
    """Expected largest of ``runs`` gains, estimated without bias from ``gains`` [n], n >= ``runs``; NaN otherwise.

    The mean of the maximum over all subsets of that size: the i-th smallest is the maximum of C(i - 1, runs - 1) of them.  The quantity
    is that of Dodge et al. 2019, whose own estimator draws with replacement and is biased (Tang et al. 2020).
    """
    count = len(gains)
    if not 1 <= runs <= count:
        return float("nan")
    ordered = np.sort(gains)
    # Weight of the largest is runs / count; each next one times (rank - runs) / (rank - 1) of the rank above.
    rank = np.arange(count, 1, -1)
    weights = runs / count * np.concatenate([[1.0], np.cumprod((rank - runs).clip(min=0) / (rank - 1))])
    return float(weights @ ordered[::-1])
