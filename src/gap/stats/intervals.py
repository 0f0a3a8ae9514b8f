"""Intervals and corrections that several analyses share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

from gap.core.digest import text_digest


class Interval(NamedTuple):
    """A two-sided interval."""

    low: float
    high: float


NONE = Interval(float("nan"), float("nan"))


def generator(seed: int, name: str) -> np.random.Generator:
    """A stream of random numbers that depends on ``seed`` and ``name`` only."""
    return np.random.default_rng([seed, int(text_digest(name), 16)])


def cluster_interval(
    statistic: Callable[[np.ndarray], float], clusters: Sequence[Hashable], seed: int, name: str, resamples: int, level: float
) -> Interval:
    """Percentile bootstrap interval over clusters of rows (repeats of one run stay together).

    Parameters
    ----------
    statistic: takes row positions [m] (with repetition) and gives a number; NaN draws are left out.
    clusters: label of each row [n]; rows of equal label are drawn together.

    NaN twice where there are fewer than two clusters or every draw is NaN.
    """
    places: dict[Hashable, list[int]] = {}
    for row, label in enumerate(clusters):
        places.setdefault(label, []).append(row)
    members = [np.array(rows) for rows in places.values()]
    if len(members) < 2:
        return NONE
    draws = generator(seed, name).integers(0, len(members), size=(resamples, len(members)))
    single = all(len(rows) == 1 for rows in members)
    flat = np.concatenate(members)
    values = np.array(
        [statistic(flat[draw] if single else np.concatenate([members[place] for place in draw])) for draw in draws], dtype=float
    )
    return percentiles(values, level)


def percentiles(values: np.ndarray, level: float) -> Interval:
    """The central ``level`` of ``values`` [resamples]; NaN draws are left out, NaN twice where none is left."""
    known = values[~np.isnan(values)]
    if not len(known):
        return NONE
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given (Holm 1979)."""
    order = np.argsort(p_values)
    adjusted, largest = np.empty(len(p_values)), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted.tolist()
