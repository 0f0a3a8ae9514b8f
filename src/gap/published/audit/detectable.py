"""The smallest gain that a number of items can show, unpaired and paired by item."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

#: Probability of showing the gain, and level of the two-sided test; the normal quantiles of both.
POWER, ALPHA = 0.8, 0.05
Z_POWER, Z_ALPHA = NormalDist().inv_cdf(POWER), NormalDist().inv_cdf(1 - ALPHA / 2)


def effective(items: np.ndarray) -> float:
    """Items of one task whose accuracy would vary as the unweighted mean of tasks with ``items`` [tasks] does.

    For equal variances per item: tasks squared over the sum of 1 / n.
    """
    return float(len(items) ** 2 / (1 / items).sum())


def unpaired(accuracy: float, items: float) -> float:
    """Smallest gain that two samples of ``items`` show: (z_a + z_b) sqrt(2 p (1 - p) / n)."""
    return float((Z_ALPHA + Z_POWER) * np.sqrt(2 * accuracy * (1 - accuracy) / items))


def paired(agreement: np.ndarray, items: float) -> np.ndarray:
    """Smallest gain d that ``items`` answered by both checkpoints show, at each ``agreement`` [m]; NaN where there is none.

    With f = 1 - agreement the share of items that change, an item's difference has variance f without and f - d^2 with the
    gain: d sqrt(n) = z_a sqrt(f) + z_b sqrt(f - d^2) (Connor 1987).  A gain cannot exceed f: where even f itself is not
    shown, nothing is.
    """
    changed = 1 - np.asarray(agreement, dtype=float)
    undetectable = np.where(_lacking(changed, changed, items), np.nan, 0.0)
    low, high = _bisect(np.zeros_like(changed), changed, lambda gain: _lacking(gain, changed, items))
    return undetectable + (low + high) / 2


def _lacking(gain: np.ndarray, changed: np.ndarray, items: float) -> np.ndarray:
    """Whether ``gain`` falls short of what the test needs, bool."""
    spread = np.sqrt(np.maximum(changed - gain**2, 0.0))
    return Z_ALPHA * np.sqrt(changed) + Z_POWER * spread - gain * np.sqrt(items) > 0


def _bisect(low: np.ndarray, high: np.ndarray, below: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the intervals around the points where ``below`` turns from true to false, after 60 halvings."""
    for _ in range(60):
        middle = (low + high) / 2
        is_below = below(middle)
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return low, high


def floor(items: float) -> float:
    """Smallest gain shown at any agreement: all items that change turn right, f = d.

    z_a sqrt(d) + z_b sqrt(d - d^2) = d sqrt(n), solved by bisection.
    """
    _, high = _bisect(np.array(0.0), np.array(1.0), lambda gain: _lacking(gain, gain, items))
    return float(high)


def needed_agreement(gain: float, items: float) -> float:
    """Lowest agreement at which ``gain`` is shown; NaN where no agreement suffices."""
    if gain < floor(items):
        return float("nan")
    shown = np.array(gain)
    low, _ = _bisect(shown, np.array(1.0), lambda changed: ~_lacking(shown, changed, items))
    return float(1 - low)
