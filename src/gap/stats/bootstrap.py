"""The percentile bootstrap over clusters of rows (Efron and Tibshirani 1993): the one resampler behind every interval.

Rows of one run are correlated, so whole runs (clusters) are drawn with replacement.  The draws are held as an array; a
statistic of all resamples is then a few matrix operations instead of a call per resample.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gap.core.digest import text_digest
from gap.stats.intervals import NO_INTERVAL, Interval, percentile_interval

#: Sums of products, of squares of the first, and of squares of the second, each float64 [resamples].
Moments = tuple[np.ndarray, np.ndarray, np.ndarray]


def named_rng(seed: int, name: str) -> np.random.Generator:
    """A random number generator whose stream depends on ``seed`` and ``name`` only."""
    return np.random.default_rng([seed, int(text_digest(name), 16)])


@dataclass(frozen=True)
class Bootstrap:
    """``seed`` and number of ``resamples``; ``level`` of the two-sided intervals (0.95: the central 95 %)."""

    seed: int
    resamples: int
    level: float = 0.95

    def resample(self, clusters: Sequence[Hashable], name: str) -> Resamples:
        """Draw clusters with replacement, as many as there are; rows of equal label [rows] stay together.

        The draws depend on ``seed``, ``name`` and the number of clusters only, so one interval does not change when
        another is added.  Without a second cluster there is nothing to resample and every interval is NaN twice.
        """
        numbers: dict[Hashable, int] = {}
        cluster = np.array([numbers.setdefault(label, len(numbers)) for label in clusters], dtype=int)
        count = len(numbers)
        if count < 2:
            return Resamples(cluster, np.empty((0, count), dtype=int), self.level)
        return Resamples(cluster, named_rng(self.seed, name).integers(0, count, size=(self.resamples, count)), self.level)


@dataclass(frozen=True)
class Resamples:
    """Resamples of rows.

    Parameters
    ----------
    cluster: int [rows], the cluster of each row, numbered from 0 in order of first appearance.
    drawn: int64 [resamples, clusters], the clusters in each resample.
    level: of the intervals.
    """

    cluster: np.ndarray
    drawn: np.ndarray
    level: float

    @cached_property
    def weights(self) -> np.ndarray:
        """How often each row is in each resample, float64 [resamples, rows]; rows of one cluster are equal."""
        resamples, count = self.drawn.shape
        offsets = count * np.arange(resamples)[:, None]
        times = np.bincount((self.drawn + offsets).ravel(), minlength=resamples * count).reshape(resamples, count)
        return times[:, self.cluster].astype(float)

    def interval(self, statistic: Callable[[np.ndarray], np.ndarray | np.floating]) -> Interval:
        """Interval of any ``statistic`` of row positions [..., m] (with repetition), which reduces their last axis.

        One call where each row is a cluster of its own, else one call per resample.
        """
        if not len(self.drawn):
            return NO_INTERVAL
        if self.drawn.shape[1] == len(self.cluster):
            return percentile_interval(np.asarray(statistic(self.drawn)), self.level)
        members = [np.flatnonzero(self.cluster == number) for number in range(self.drawn.shape[1])]
        values = [statistic(np.concatenate([members[number] for number in numbers])) for numbers in self.drawn]
        return percentile_interval(np.array(values, dtype=float), self.level)

    def mean(self, values: np.ndarray) -> Interval:
        """Interval of the mean of ``values`` [rows]."""
        return percentile_interval(self.weights @ values / self.weights.sum(axis=1), self.level)

    def median(self, values: np.ndarray) -> Interval:
        """Interval of the median of ``values`` [rows]."""
        order = np.argsort(values, kind="stable")
        cumulative = np.cumsum(self.weights[:, order], axis=1)
        total = self.weights.sum(axis=1, keepdims=True)
        lower = (cumulative <= np.floor((total - 1) / 2)).sum(axis=1)
        upper = (cumulative <= np.floor(total / 2)).sum(axis=1)
        ordered = values[order]
        return percentile_interval((ordered[lower] + ordered[upper]) / 2 if len(total) else np.empty(0), self.level)

    def spearman(self, first: np.ndarray, second: np.ndarray) -> Interval:
        """Interval of Spearman's rank correlation (mid-ranks for ties) of ``first`` [rows] and ``second`` [rows]."""
        return percentile_interval(correlations(self.rank_moments(first, second)), self.level)

    def rank_moments(self, first: np.ndarray, second: np.ndarray) -> Moments:
        """Sums behind Spearman's correlation in every resample: products of centred mid-ranks, and squares of each."""
        x, y = self._ranks(first), self._ranks(second)
        total = self.weights.sum(axis=1, keepdims=True)
        x = x - (self.weights * x).sum(axis=1, keepdims=True) / total
        y = y - (self.weights * y).sum(axis=1, keepdims=True) / total
        weighted = self.weights * x
        return (weighted * y).sum(axis=1), (weighted * x).sum(axis=1), (self.weights * y * y).sum(axis=1)

    def _ranks(self, values: np.ndarray) -> np.ndarray:
        """Mid-rank of every row in every resample, float64 [resamples, rows]."""
        distinct, inverse = np.unique(values, return_inverse=True)
        multiplicity = np.zeros((len(self.weights), len(distinct)))
        order = np.argsort(inverse, kind="stable")
        starts = np.searchsorted(inverse[order], np.arange(len(distinct)))
        if len(self.weights):
            multiplicity = np.add.reduceat(self.weights[:, order], starts, axis=1)
        return (np.cumsum(multiplicity, axis=1) - (multiplicity - 1) / 2)[:, inverse]


def correlations(moments: Moments) -> np.ndarray:
    """Correlation of every resample, float64 [resamples]; NaN where one side is constant (its scale is zero up to rounding)."""
    products, first, second = moments
    scale = first * second
    defined = scale > 1e-6
    coefficients = np.full(len(scale), np.nan)
    coefficients[defined] = products[defined] / np.sqrt(scale[defined])
    return coefficients


def cliffs_delta_interval(first: np.ndarray, second: np.ndarray, first_resamples: Resamples, second_resamples: Resamples) -> Interval:
    """Interval of Cliff's delta of ``first`` [n] and ``second`` [m], which are resampled independently."""
    signs = np.sign(first[:, None] - second[None, :])
    left, right = first_resamples.weights, second_resamples.weights
    if not len(left) or not len(right):
        return NO_INTERVAL
    sums = ((left @ signs) * right).sum(axis=1)
    return percentile_interval(sums / (left.sum(axis=1) * right.sum(axis=1)), first_resamples.level)
