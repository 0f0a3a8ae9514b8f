"""Spearman's rank correlation, of all runs together or within strata, and what chance makes of it."""

from __future__ import annotations

import numpy as np

#: Correlations of permuted ranks that differ by rounding alone count as equal.
ROUNDING = 1e-9
#: Fewer runs than this say nothing.
LEAST = 4


def mid_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 of ``values`` [n]; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def usable(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the two [n] have a rank correlation: ``LEAST`` finite pairs, neither side constant."""
    finite = bool(np.isfinite(first).all() and np.isfinite(second).all())
    return finite and len(first) >= LEAST and float(np.ptp(first)) > 0 and float(np.ptp(second)) > 0


def centred(values: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Mid-ranks within each stratum over the number of its runs, minus their mean: -1/2 to 1/2 whatever the stratum's size, [n]."""
    found = np.empty(len(values))
    for stratum in np.unique(strata):
        inside = strata == stratum
        count = int(inside.sum())
        found[inside] = (mid_ranks(values[inside]) - (count + 1) / 2) / count
    return found


def rank_correlation(first: np.ndarray, second: np.ndarray, strata: np.ndarray | None = None) -> float:
    """Spearman's rho (Spearman 1904; mid-ranks for ties) of two rows of numbers [n]; NaN where one side is constant.

    With ``strata`` [n] ranks are taken within each, so that differences between strata, in either row, add nothing:
    the correlation is that of a run's place among its own stratum in the one with its place in the other.
    """
    strata = np.zeros(len(first), dtype=int) if strata is None else strata
    x, y = centred(first, strata), centred(second, strata)
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / scale) if scale > 0 else float("nan")


def permutation_p(first: np.ndarray, second: np.ndarray, orders: np.ndarray, strata: np.ndarray | None = None) -> float:
    """Two-sided p-value of ``rank_correlation`` against permutations of ``second``.

    ``orders`` [permutations, n] are the orders to try (``permutations``); the observed one counts among them (Phipson and
    Smyth 2010), so that p is never 0.
    """
    strata = np.zeros(len(first), dtype=int) if strata is None else strata
    x, y = centred(first, strata), centred(second, strata)
    observed, chance = abs(float(x @ y)), np.abs(y[orders] @ x)
    return float((1 + (chance >= observed - ROUNDING).sum()) / (1 + len(orders)))


def permutations(draw: np.random.Generator, count: int, strata: np.ndarray) -> np.ndarray:
    """``count`` random orders of the places of ``strata`` [n], each keeping every place in its stratum; int64 [count, n]."""
    orders = np.tile(np.arange(len(strata)), (count, 1))
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        orders[:, inside] = draw.permuted(np.tile(inside, (count, 1)), axis=1)
    return orders
