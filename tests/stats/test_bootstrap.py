"""Bootstrap over runs by weights, Cliff's delta and Wilson's interval, against slow or hand-made references."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gap.stats.bootstrap import Bootstrap, cliffs_delta_interval, named_rng
from gap.stats.intervals import percentile_interval, wilson
from gap.stats.ranks import cliffs_delta

BOOTSTRAP = Bootstrap(seed=7, resamples=300)
LABELS = ["a", "b", "a", "c", "d", "e", "f", "b", "g", "h"]
VALUES = np.array([0.0, 0.0, 0.4, 0.1, 0.1, 0.9, 0.3, 0.0, 0.2, 0.5])
OTHER = np.array([3.0, 1.0, 3.0, 1.0, 2.0, 5.0, 2.0, 1.0, 9.0, 4.0])


def reference(statistic: Callable[[np.ndarray], float]) -> Any:
    """The bootstrap by hand: a loop over resamples, each a list of the rows of the clusters drawn."""
    labels = list(dict.fromkeys(LABELS))
    rows = [[row for row, label in enumerate(LABELS) if label == cluster] for cluster in labels]
    drawn = named_rng(BOOTSTRAP.seed, "x").integers(0, len(rows), size=(BOOTSTRAP.resamples, len(rows)))
    values = [statistic(np.array([row for number in numbers for row in rows[number]])) for numbers in drawn]
    return np.nanquantile(values, [0.025, 0.975])


@pytest.mark.parametrize("clusters", [LABELS, list(range(10))])
def test_any_statistic_has_an_interval_with_repeats_and_without(clusters: list[Any]) -> None:
    resamples = BOOTSTRAP.resample(clusters, "x")
    assert resamples.interval(lambda rows: VALUES[rows].mean(axis=-1)) == pytest.approx(resamples.mean(VALUES), abs=1e-12)
    assert resamples.interval(lambda rows: np.median(VALUES[rows], axis=-1)) == pytest.approx(resamples.median(VALUES), abs=1e-12)


def test_mean_is_the_cluster_bootstrap_by_hand() -> None:
    found = BOOTSTRAP.resample(LABELS, "x").mean(VALUES)
    assert found == pytest.approx(reference(lambda rows: float(VALUES[rows].mean())), abs=1e-12)


def test_median_is_the_cluster_bootstrap_by_hand() -> None:
    found = BOOTSTRAP.resample(LABELS, "x").median(VALUES)
    assert found == pytest.approx(reference(lambda rows: float(np.median(VALUES[rows]))), abs=1e-12)


def test_spearman_is_the_cluster_bootstrap_by_hand() -> None:
    def slow(rows: np.ndarray) -> float:
        if np.ptp(VALUES[rows]) == 0 or np.ptp(OTHER[rows]) == 0:
            return float("nan")
        return float(stats.spearmanr(VALUES[rows], OTHER[rows]).statistic)

    found = BOOTSTRAP.resample(LABELS, "x").spearman(VALUES, OTHER)
    assert found == pytest.approx(reference(slow), abs=1e-9)


def test_rows_of_one_cluster_are_drawn_together_and_every_resample_has_as_many_clusters() -> None:
    weights = BOOTSTRAP.resample(LABELS, "x").weights
    assert weights.shape == (300, 10)
    assert (weights[:, 0] == weights[:, 2]).all() and (weights[:, 1] == weights[:, 7]).all()
    assert (weights[:, [0, 1, 3, 4, 5, 6, 8, 9]].sum(axis=1) == 8).all()


def test_repeats_widen_the_interval_where_they_agree() -> None:
    values = np.repeat(np.arange(10.0), 4)
    apart, together = (
        BOOTSTRAP.resample(range(40), "x").mean(values),
        BOOTSTRAP.resample(np.repeat(np.arange(10), 4).tolist(), "x").mean(values),
    )
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_one_cluster_has_no_interval() -> None:
    resamples = BOOTSTRAP.resample(["a", "a"], "x")
    one, two = np.array([1.0, 2.0]), np.array([2.0, 1.0])
    undefined = resamples.interval(lambda rows: one[rows].mean(axis=-1))
    for found in (
        undefined,
        resamples.mean(one),
        resamples.median(one),
        resamples.spearman(one, two),
        cliffs_delta_interval(one, two, resamples, resamples),
    ):
        assert math.isnan(found.low) and math.isnan(found.high)


def test_equal_values_have_an_interval_without_width_and_no_correlation() -> None:
    resamples = BOOTSTRAP.resample(range(6), "x")
    assert resamples.mean(np.full(6, 0.25)) == pytest.approx((0.25, 0.25))
    assert resamples.median(np.full(6, 0.25)) == (0.25, 0.25)
    assert math.isnan(resamples.spearman(np.full(6, 0.25), np.arange(6.0)).low)


def test_a_monotone_relation_has_correlation_one_in_every_resample() -> None:
    assert BOOTSTRAP.resample(range(8), "x").spearman(np.arange(8.0), np.arange(8.0) ** 3) == pytest.approx((1.0, 1.0))
    assert BOOTSTRAP.resample(range(8), "x").spearman(np.arange(8.0), -np.arange(8.0)) == pytest.approx((-1.0, -1.0))


def test_resamples_depend_on_seed_and_name_only() -> None:
    first = BOOTSTRAP.resample(LABELS, "x").mean(VALUES)
    assert BOOTSTRAP.resample(LABELS, "x").mean(VALUES) == first
    assert BOOTSTRAP.resample(LABELS, "y").mean(VALUES) != first
    assert Bootstrap(8, 300).resample(LABELS, "x").mean(VALUES) != first


def test_percentiles_leave_undefined_resamples_out() -> None:
    assert percentile_interval(np.array([np.nan, *range(101)]), 0.9) == pytest.approx((5.0, 95.0))


def test_cliffs_delta_by_hand() -> None:
    # Pairs above: 2 > 1, 3 > 1, 3 > 2 (3 of 6); below: 1 < 2 (1); ties: 1 = 1, 2 = 2.
    assert cliffs_delta(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0])) == pytest.approx((3 - 1) / 6)
    assert cliffs_delta(np.array([5.0, 6.0]), np.array([1.0, 2.0])) == 1.0
    assert cliffs_delta(np.array([1.0]), np.array([1.0])) == 0.0
    assert math.isnan(cliffs_delta(np.array([]), np.array([1.0])))


def test_cliffs_delta_agrees_with_mann_whitneys_u_and_its_interval_with_a_slow_bootstrap() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(0.4, 1, 30).round(1), generator.normal(0, 1, 25).round(1)
    statistic = stats.mannwhitneyu(first, second).statistic
    assert cliffs_delta(first, second) == pytest.approx(2 * statistic / (30 * 25) - 1)
    one, other = BOOTSTRAP.resample(range(30), "one"), BOOTSTRAP.resample(range(25), "other")
    slow = []
    for left, right in zip(one.weights, other.weights, strict=True):
        x, y = np.repeat(first, left.astype(int)), np.repeat(second, right.astype(int))
        slow.append(np.mean([np.sign(a - b) for a in x for b in y]))
    assert cliffs_delta_interval(first, second, one, other) == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=1e-12)


@pytest.mark.parametrize(("count", "number"), [(0, 99), (99, 99), (6, 300), (50, 100)])
def test_wilson_is_scipys(count: int, number: int) -> None:
    expected = stats.binomtest(count, number).proportion_ci(0.95, method="wilson")
    assert wilson(count / number, number, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_without_runs_has_no_interval() -> None:
    assert math.isnan(wilson(0.0, 0, 0.95).low)
