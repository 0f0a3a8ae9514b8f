"""Estimates and tests over runs, as the numbers of a section hold them (JSON: None for NaN, an interval as a list)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gap.published.read import Published
from gap.published.rows import SAME, items_of, per_run, tasks_of
from gap.stats.intervals import Interval, wilson
from gap.stats.multiple_testing import holm


def plain(value: float) -> float | None:
    """A number for JSON: None for NaN."""
    number = float(value)
    return number if number == number else None


def pair(interval: Interval) -> list[float | None]:
    """An interval for JSON."""
    return [plain(interval.low), plain(interval.high)]


def interval_of(row: dict[str, Any], key: str) -> Interval:
    """The interval that ``pair`` wrote under ``key``_interval."""
    low, high = (float("nan") if value is None else float(value) for value in row[f"{key}_interval"])
    return Interval(low, high)


def share_of_runs(key: str, frame: pd.DataFrame, flags: np.ndarray, level: float) -> dict[str, Any]:
    """``key``: share of rows with the flag, bool [rows]; ``key``_interval: Wilson's over runs (a run's repeats count as one, by their mean)."""
    runs = per_run(frame.assign(flag=flags.astype(float)), ["flag"])["flag"]
    interval = wilson(float(runs.mean()), len(runs), level)
    return {key: float(flags.mean()) if len(flags) else float("nan"), f"{key}_interval": pair(interval)}


def spearman(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Spearman's rho of two samples [runs] and its two-sided p; NaN and 1 with fewer than three runs or where one side is constant."""
    if len(first) < 3 or np.ptp(first) <= SAME or np.ptp(second) <= SAME:
        return float("nan"), 1.0
    result = stats.spearmanr(first, second)
    return float(result.statistic), float(result.pvalue)


def adjust(tests: Iterable[dict[str, Any]]) -> None:
    """Add Holm's adjusted p-value, ``p_holm``, to each test of one family (with its ``p``)."""
    family = list(tests)
    for test, adjusted in zip(family, holm([test["p"] for test in family]), strict=True):
        test["p_holm"] = adjusted


def standard_error(data: Published, group: str, models: list[str]) -> float:
    """Unpaired standard error, from the items, of the sum or difference of these unmodified models' average accuracies."""
    p = data.baselines[group].loc[models, tasks_of(group)].to_numpy(dtype=float)
    return float(np.sqrt((p * (1 - p) / items_of(group)).sum()) / p.shape[1])
