"""Bootstrap over runs for many statistics at once, and Wilson's interval for shares.

The draws are those of ``gap.published.statistics.cluster_interval`` for the same seed and name, held as weights, so that a
statistic of every resample is a few matrix operations instead of a call per resample.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from gap.published.section import Settings
from gap.published.statistics import NONE, Interval, generator, percentiles


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
        x, y = self._ranks(first), self._ranks(second)
        total = self.weights.sum(axis=1, keepdims=True)
        x = x - (self.weights * x).sum(axis=1, keepdims=True) / total
        y = y - (self.weights * y).sum(axis=1, keepdims=True) / total
        weighted = self.weights * x
        scale = (weighted * x).sum(axis=1) * (self.weights * y * y).sum(axis=1)
        found = np.full(len(scale), np.nan)
        # A resample in which one side is constant has no correlation; its scale is zero up to rounding.
        defined = scale > 1e-6
        found[defined] = (weighted * y).sum(axis=1)[defined] / np.sqrt(scale[defined])
        return percentiles(found, self.level)

    def _ranks(self, values: np.ndarray) -> np.ndarray:
        """Mid-rank of every row in every resample, [resamples, rows]."""
        distinct, place = np.unique(values, return_inverse=True)
        held = np.zeros((len(self.weights), len(distinct)))
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(distinct)))
        if len(self.weights):
            held = np.add.reduceat(self.weights[:, order], starts, axis=1)
        return (np.cumsum(held, axis=1) - (held - 1) / 2)[:, place]


def draw(clusters: Sequence[Hashable], how: Settings, name: str) -> Draws:
    """Resample the clusters with replacement; rows of equal label [rows] stay together.

    Without a second cluster there is nothing to resample: the draws are empty and every interval is NaN twice.
    """
    places: dict[Hashable, int] = {}
    place = np.array([places.setdefault(label, len(places)) for label in clusters], dtype=int)
    count = len(places)
    if count < 2:
        return Draws(np.empty((0, len(place))), how.level)
    drawn = generator(how.seed, name).integers(0, count, size=(how.resamples, count))
    offsets = count * np.arange(how.resamples)[:, None]
    held = np.bincount((drawn + offsets).ravel(), minlength=how.resamples * count).reshape(how.resamples, count)
    return Draws(held[:, place].astype(float), how.level)


def delta(first: np.ndarray, second: np.ndarray) -> float:
    """Cliff's delta: share of pairs with ``first`` [n] above ``second`` [m] minus the share below; -1 to 1 (Cliff 1993)."""
    return float(np.sign(first[:, None] - second[None, :]).mean()) if len(first) and len(second) else float("nan")


def delta_interval(first: np.ndarray, second: np.ndarray, one: Draws, other: Draws) -> Interval:
    """Interval of Cliff's delta, the two samples resampled apart."""
    signs = np.sign(first[:, None] - second[None, :])
    if not len(one.weights) or not len(other.weights):
        return NONE
    sums = ((one.weights @ signs) * other.weights).sum(axis=1)
    return percentiles(sums / (one.weights.sum(axis=1) * other.weights.sum(axis=1)), one.level)


def wilson(share: float, count: int, level: float) -> Interval:
    """Wilson's score interval for a share of ``count`` independent runs (Wilson 1927).

    It keeps its width at shares of 0 and 1, where every resample is equal and a bootstrap interval has none.
    """
    if not count:
        return NONE
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
