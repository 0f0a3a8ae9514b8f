"""Spearman's rank correlation, over all runs or within strata, its permutation test, and Cliff's delta."""

from __future__ import annotations

import numpy as np

#: Correlations of permuted ranks that differ by rounding alone count as equal.
ROUNDING = 1e-9
#: Fewer runs have no rank correlation.
LEAST = 4


def usable(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the two [n] have a rank correlation: ``LEAST`` finite pairs, neither side constant."""
    finite = bool(np.isfinite(first).all() and np.isfinite(second).all())
    return finite and len(first) >= LEAST and float(np.ptp(first)) > 0 and float(np.ptp(second)) > 0


def centred(values: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Mid-ranks within each stratum over the number of its runs, minus their mean; float64 [n], -1/2 to 1/2 in every stratum."""
    from scipy.stats import rankdata

    ranks = np.empty(len(values))
    for stratum in np.unique(strata):
        inside = strata == stratum
        count = int(inside.sum())
        ranks[inside] = (rankdata(values[inside]) - (count + 1) / 2) / count
    return ranks


def rank_correlation(first: np.ndarray, second: np.ndarray, strata: np.ndarray | None = None) -> float:
    """Spearman's rho (Spearman 1904; mid-ranks for ties) of two samples [n]; NaN where one side is constant.

    With ``strata`` [n] ranks are taken within each stratum, so differences between strata, in either sample, add nothing:
    a run's rank in its own stratum by the first is correlated with its rank there by the second.
    """
    strata = np.zeros(len(first), dtype=int) if strata is None else strata
    x, y = centred(first, strata), centred(second, strata)
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / scale) if scale > 0 else float("nan")


def permutation_p(first: np.ndarray, second: np.ndarray, orders: np.ndarray, strata: np.ndarray | None = None) -> float:
    """Two-sided p-value of ``rank_correlation`` against permutations of ``second``.

    ``orders`` int64 [permutations, n] are those of ``permutations``; the observed order counts among them (Phipson and
    Smyth 2010), so that p is never 0.
    """
    strata = np.zeros(len(first), dtype=int) if strata is None else strata
    x, y = centred(first, strata), centred(second, strata)
    observed, permuted = abs(float(x @ y)), np.abs(y[orders] @ x)
    return float((1 + (permuted >= observed - ROUNDING).sum()) / (1 + len(orders)))


def permutations(rng: np.random.Generator, count: int, strata: np.ndarray) -> np.ndarray:
    """``count`` random orders of the positions of ``strata`` [n], each keeping every position in its stratum; int64 [count, n]."""
    orders = np.tile(np.arange(len(strata)), (count, 1))
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        orders[:, inside] = rng.permuted(np.tile(inside, (count, 1)), axis=1)
    return orders


def cliffs_delta(first: np.ndarray, second: np.ndarray) -> float:
    """Cliff's delta: share of pairs with ``first`` [n] above ``second`` [m] minus the share below; -1 to 1 (Cliff 1993)."""
    return float(np.sign(first[:, None] - second[None, :]).mean()) if len(first) and len(second) else float("nan")
