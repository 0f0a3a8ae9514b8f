"""Bootstrap intervals and averages."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.aggregate.averages import _mean_over
from gap.aggregate.estimates import interval


def test_the_interval_is_that_of_normal_theory_for_many_runs() -> None:
    gains = np.random.default_rng(1).normal(0.3, 1.0, 400)
    low, high = interval(gains, 1, "cell")
    error = gains.std(ddof=1) / 20
    assert abs(low - (gains.mean() - 1.96 * error)) < 0.25 * error
    assert abs(high - (gains.mean() + 1.96 * error)) < 0.25 * error


def test_the_draw_depends_on_seed_and_name_only() -> None:
    gains = np.random.default_rng(2).normal(size=40)
    assert interval(gains, 3, "a") == interval(gains, 3, "a")
    assert len({interval(gains, 3, "a"), interval(gains, 4, "a"), interval(gains, 3, "b")}) == 3


def test_one_run_has_no_interval() -> None:
    assert all(math.isnan(end) for end in interval(np.array([0.4]), 1, "a"))


@settings(max_examples=25)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_the_interval_lies_within_the_gains(gains: list[float]) -> None:
    low, high = interval(np.array(gains), 1, "a")
    assert min(gains) - 1e-12 <= low <= high <= max(gains) + 1e-12


def test_a_nan_makes_the_average_nan() -> None:
    keys = {"model": "m", "run": "r", "step": [1, 1, 2, 2], "split": "validation", "items": 2}
    rows = pd.DataFrame({**keys, "task": ["a", "b", "a", "b"], "value": [1.0, math.nan, 1.0, 3.0]})
    assert np.array_equal(_mean_over(rows, "dialogue", "nll")["value"], [math.nan, 2.0], equal_nan=True)
