"""The smallest gain that a number of items can show, unpaired and paired by item."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

#: Probability of showing the gain, and level of the two-sided test.
POWER, ALPHA = 0.8, 0.05


def quantiles() -> float:
    """Sum of the normal quantiles of level and power."""
    return NormalDist().inv_cdf(1 - ALPHA / 2) + NormalDist().inv_cdf(POWER)


def effective(items: np.ndarray) -> float:
    """Items of one task whose accuracy would vary as the unweighted mean of tasks with ``items`` [tasks] does.

    For equal variances per item: tasks squared over the sum of 1 / n.
    """
    return float(len(items) ** 2 / (1 / items).sum())


def unpaired(accuracy: float, items: float) -> float:
    """Smallest gain that two samples of ``items`` show: (z_a + z_b) sqrt(2 p (1 - p) / n)."""
    return float(quantiles() * np.sqrt(2 * accuracy * (1 - accuracy) / items))


def paired(agreement: np.ndarray, items: float) -> np.ndarray:
    """Smallest gain d that ``items`` answered by both checkpoints show, at each ``agreement`` [m]; NaN where there is none.

    With f = 1 - agreement the share of items that change, an item's difference has variance f without and f - d^2 with the
    gain: d sqrt(n) = z_a sqrt(f) + z_b sqrt(f - d^2) (Connor 1987).  A gain cannot exceed f: where even f itself is not
    shown, nothing is.
    """
    changed = 1 - np.asarray(agreement, dtype=float)
    low, high = np.zeros_like(changed), changed.copy()
    undetectable = np.where(_lacking(changed, changed, items) > 0, np.nan, 0.0)
    for _ in range(60):
        middle = (low + high) / 2
        short = _lacking(middle, changed, items) > 0
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return undetectable + (low + high) / 2


def _lacking(gain: np.ndarray, changed: np.ndarray, items: float) -> np.ndarray:
    """How far ``gain`` falls short of what the test needs; falls as the gain grows."""
    normal = NormalDist()
    spread = np.sqrt(np.maximum(changed - gain**2, 0.0))
    return normal.inv_cdf(1 - ALPHA / 2) * np.sqrt(changed) + normal.inv_cdf(POWER) * spread - gain * np.sqrt(items)


def floor(items: float) -> float:
    """Smallest gain shown at any agreement: all items that change turn right, f = d.

    z_a sqrt(d) + z_b sqrt(d - d^2) = d sqrt(n), solved by bisection.
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = np.array((low + high) / 2)
        low, high = (float(middle), high) if _lacking(middle, middle, items) > 0 else (low, float(middle))
    return high


def needed_agreement(gain: float, items: float) -> float:
    """Lowest agreement at which ``gain`` is shown; NaN where no agreement suffices."""
    if gain < floor(items):
        return float("nan")
    low, high = gain, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _lacking(np.array(gain), np.array(middle), items) > 0 else (middle, high)
    return 1 - low
