"""Two-sided intervals: of resampled statistics, and Wilson's for shares."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A two-sided interval; NaN twice where there is none."""

    low: float
    high: float


NO_INTERVAL = Interval(float("nan"), float("nan"))


def percentile_interval(values: np.ndarray, level: float) -> Interval:
    """The central ``level`` of ``values`` [resamples]; NaN values are left out, NaN twice where none is left."""
    known = values[~np.isnan(values)]
    if not len(known):
        return NO_INTERVAL
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def expanded_interval(values: np.ndarray, level: float, clusters: int) -> Interval:
    """As ``percentile_interval``, with the percentiles that make it as wide as a t interval of ``clusters`` would be (Hesterberg 2015).

    Plain percentiles are too narrow for few clusters: by a factor sqrt((n - 1) / n), and by the normal quantile in place of t's.
    """
    from scipy import stats

    quantile = float(stats.t.ppf((1 + level) / 2, clusters - 1)) * (clusters / (clusters - 1)) ** 0.5
    return percentile_interval(values, 1 - 2 * float(stats.norm.sf(quantile)))


def wilson(share: float, count: int, level: float) -> Interval:
    """Wilson's score interval for a share of ``count`` independent runs (Wilson 1927).

    It keeps its width at shares of 0 and 1, where every resample is equal and a bootstrap interval has none.
    """
    if not count:
        return NO_INTERVAL
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
