"""Bootstrap with the settings of this study, Cliff's delta, and Wilson's interval for shares."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from statistics import NormalDist

import numpy as np

from gap.published.section import Settings
from gap.stats import bootstrap
from gap.stats.bootstrap import Draws
from gap.stats.intervals import NONE, Interval, percentiles


def draw(clusters: Sequence[Hashable], how: Settings, name: str) -> Draws:
    """``gap.stats.bootstrap.draw`` with the study's seed, resamples and level."""
    return bootstrap.draw(clusters, how.seed, name, how.resamples, how.level)


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
