"""Means over runs and items that are crossed: every run answers the same items.

Both are samples.  With run effects a, item effects b and a rest ab, the mean over R runs and I items has the variance
``var(a)/R + var(b)/I + var(ab)/(R I)``.  Mean squares of the two-way layout estimate it without bias (Searle, Casella and McCulloch
1992); it is the two-way clustered variance of Cameron, Gelbach and Miller (2011).  An average over tasks has the same runs and other
items in each task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from gap.stats.bootstrap import named_rng
from gap.stats.intervals import NO_INTERVAL, Interval


@dataclass(frozen=True)
class CrossedMean:
    """A mean over ``runs`` and ``items``, and its variance by part.

    ``by_run`` is the variance of the runs' means over their number, ``by_item`` that of the items' means over theirs, ``by_cell`` the part
    that both contain: var(ab)/(R I).  NaN, NaN and 0 where there is one run: its items are then all that was sampled.
    """

    mean: float
    runs: int
    items: int
    by_run: float
    by_item: float
    by_cell: float

    @property
    def variance(self) -> float:
        """Of the mean; never less than what runs alone, or items alone, make of it."""
        if self.runs < 2:
            return self.by_item
        return max(self.by_run + self.by_item - self.by_cell, self.by_run, self.by_item)

    @property
    def standard_error(self) -> float:
        """Square root of the variance."""
        return sqrt(self.variance)

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the variance, by Satterthwaite (1946); at least those of the runs, or of the items of a single run."""
        items = max(self.items - 1, 1)
        if self.runs < 2:
            return float(items)
        runs = self.runs - 1
        spread = self.by_run**2 / runs + self.by_item**2 / items + self.by_cell**2 / (runs * items)
        return max(self.variance**2 / spread, float(runs)) if spread > 0 else float(runs)

    def interval(self, level: float) -> Interval:
        """Two-sided t interval; NaN twice where nothing varies."""
        from scipy import stats

        if not self.variance > 0:
            return NO_INTERVAL
        half = float(stats.t.ppf((1 + level) / 2, self.degrees)) * self.standard_error
        return Interval(self.mean - half, self.mean + half)

    def p_above(self, bound: float) -> float:
        """One-sided p-value of the hypothesis that the true mean is at most ``bound``; 1 - p is that of the opposite."""
        from scipy import stats

        if not self.variance > 0:
            return 0.0 if self.mean > bound else 1.0 if self.mean < bound else 0.5
        return float(stats.t.sf((self.mean - bound) / self.standard_error, self.degrees))

    def detectable(self, alpha: float, power: float) -> float:
        """Smallest true difference that a two-sided test at ``alpha`` finds with this ``power``: both quantiles of t times the standard error."""
        from scipy import stats

        if not self.variance > 0:
            return float("nan")
        critical, beyond = stats.t.ppf([1 - alpha / 2, power], self.degrees)
        return float(critical + beyond) * self.standard_error

    def power(self, difference: float, alpha: float) -> float:
        """Power of a two-sided test at ``alpha`` against a true ``difference`` (non-central t)."""
        from scipy import stats

        if not self.variance > 0:
            return float("nan")
        critical, shift = float(stats.t.ppf(1 - alpha / 2, self.degrees)), abs(difference) / self.standard_error
        if shift > 30:  # where SciPy's non-central t loses its digits, the power is 1
            return 1.0
        return float(stats.nct.sf(critical, self.degrees, shift) + np.nan_to_num(stats.nct.cdf(-critical, self.degrees, shift)))

    def runs_needed(self, distance: float, alpha: float, power: float) -> int | None:
        """Runs after which a one-sided test at ``alpha`` would find a true ``distance`` with this ``power``; None if no number would.

        Items stay those that there are, so their part of the variance stays too.
        """
        from scipy import stats

        if self.runs < 2 or not distance > 0:
            return None
        wanted = (distance / float(stats.norm.ppf(1 - alpha) + stats.norm.ppf(power))) ** 2
        left = wanted - max(self.by_item - self.by_cell, 0.0)
        return max(2, ceil(self.by_run * self.runs / left)) if left > 0 else None


def crossed_mean(parts: Sequence[np.ndarray]) -> CrossedMean:
    """Unweighted mean over tasks of the means of ``parts``, float [runs, items of the task] each, the same runs in all."""
    runs, tasks = len(parts[0]), len(parts)
    by_run = np.mean([part.mean(axis=1, dtype=float) for part in parts], axis=0)
    by_item = sum(_variance(part.mean(axis=0, dtype=float)) / part.shape[1] for part in parts) / tasks**2
    items = sum(part.shape[1] for part in parts)
    if runs < 2:
        return CrossedMean(float(by_run.mean()), runs, items, float("nan"), float(by_item), 0.0)
    by_cell = sum(_residual(part) / part.size for part in parts) / tasks**2
    return CrossedMean(float(by_run.mean()), runs, items, _variance(by_run) / runs, float(by_item), float(by_cell))


def _variance(values: np.ndarray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _residual(part: np.ndarray) -> float:
    """Mean square of what neither the run's nor the item's mean says, of part [runs, items]."""
    runs, items = part.shape
    if items < 2:
        return 0.0
    total = float(np.square(part, dtype=float).sum()) - part.size * float(part.mean(dtype=float)) ** 2
    rows = items * float(np.square(part.mean(axis=1, dtype=float) - part.mean(dtype=float)).sum())
    columns = runs * float(np.square(part.mean(axis=0, dtype=float) - part.mean(dtype=float)).sum())
    return max(0.0, total - rows - columns) / ((runs - 1) * (items - 1))


def bootstrap_weights(seed: int, name: str, count: int, resamples: int) -> np.ndarray:
    """How often each of ``count`` things is in each resample, over their number; float32 [resamples, count].

    The weights depend on ``seed``, ``name`` and ``count`` only.
    """
    return (named_rng(seed, name).multinomial(count, np.full(count, 1 / count), size=resamples) / count).astype(np.float32)


def pigeonhole(part: np.ndarray, run_weights: np.ndarray, item_weights: np.ndarray) -> np.ndarray:
    """Means of ``part`` [runs, items] in every resample, float64 [resamples]: runs and items are resampled independently of each other.

    The pigeonhole bootstrap (Owen 2007), by weights [resamples, runs] and [resamples, items].  What belongs to a single run on a single
    item counts up to three times in its variance, so that intervals are wider than need be where that is most of it; never narrower.
    """
    return np.einsum("bi,bi->b", run_weights @ part.astype(np.float32, copy=False), item_weights, dtype=float, casting="same_kind")
