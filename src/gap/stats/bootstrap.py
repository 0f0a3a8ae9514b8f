"""Bootstrap over runs for many statistics at once.

The draws are those of ``gap.stats.intervals.cluster_interval`` for the same seed and name, held as weights, so that a
statistic of every resample is a few matrix operations instead of a call per resample.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from gap.stats.intervals import Interval, generator, percentiles

#: Sums of products, of squares of the first, and of squares of the second, each [resamples].
Moments = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Draws:
    """``weights`` float64 [resamples, rows]: how often each row is in each resample; rows of one cluster are equal."""

    weights: np.ndarray
    level: float

    def mean(self, values: np.ndarray) -> Interval:
        """Interval of the mean of ``values`` [rows]."""
        return percentiles(self.weights @ values / self.weights.sum(axis=1), self.level)

    def median(self, values: np.ndarray) -> Interval:
        """Interval of the median of ``values`` [rows]."""
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(self.weights[:, order], axis=1)
        total = self.weights.sum(axis=1, keepdims=True)
        below = (reached <= np.floor((total - 1) / 2)).sum(axis=1)
        above = (reached <= np.floor(total / 2)).sum(axis=1)
        ordered = values[order]
        return percentiles((ordered[below] + ordered[above]) / 2 if len(total) else np.empty(0), self.level)

    def spearman(self, first: np.ndarray, second: np.ndarray) -> Interval:
        """Interval of Spearman's rank correlation (mid-ranks for ties) of ``first`` [rows] and ``second`` [rows]."""
        return percentiles(correlations(self.rank_moments(first, second)), self.level)

    def rank_moments(self, first: np.ndarray, second: np.ndarray) -> Moments:
        """Sums behind Spearman's correlation in every resample, each [resamples]: of products of centred mid-ranks, and of either's squares."""
        x, y = self._ranks(first), self._ranks(second)
        total = self.weights.sum(axis=1, keepdims=True)
        x = x - (self.weights * x).sum(axis=1, keepdims=True) / total
        y = y - (self.weights * y).sum(axis=1, keepdims=True) / total
        weighted = self.weights * x
        return (weighted * y).sum(axis=1), (weighted * x).sum(axis=1), (self.weights * y * y).sum(axis=1)

    def _ranks(self, values: np.ndarray) -> np.ndarray:
        """Mid-rank of every row in every resample, [resamples, rows]."""
        distinct, place = np.unique(values, return_inverse=True)
        held = np.zeros((len(self.weights), len(distinct)))
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(distinct)))
        if len(self.weights):
            held = np.add.reduceat(self.weights[:, order], starts, axis=1)
        return (np.cumsum(held, axis=1) - (held - 1) / 2)[:, place]


def correlations(moments: Moments) -> np.ndarray:
    """Correlation of every resample [resamples]; NaN where one side is constant: its scale is zero up to rounding."""
    products, first, second = moments
    scale = first * second
    found = np.full(len(scale), np.nan)
    defined = scale > 1e-6
    found[defined] = products[defined] / np.sqrt(scale[defined])
    return found


def draw(clusters: Sequence[Hashable], seed: int, name: str, resamples: int, level: float) -> Draws:
    """Resample the clusters with replacement; rows of equal label [rows] stay together.

    Without a second cluster there is nothing to resample: the draws are empty and every interval is NaN twice.
    """
    places: dict[Hashable, int] = {}
    place = np.array([places.setdefault(label, len(places)) for label in clusters], dtype=int)
    count = len(places)
    if count < 2:
        return Draws(np.empty((0, len(place))), level)
    drawn = generator(seed, name).integers(0, count, size=(resamples, count))
    offsets = count * np.arange(resamples)[:, None]
    held = np.bincount((drawn + offsets).ravel(), minlength=resamples * count).reshape(resamples, count)
    return Draws(held[:, place].astype(float), level)
