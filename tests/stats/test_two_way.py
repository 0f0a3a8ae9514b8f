"""Means over crossed runs and items: against statsmodels and SciPy, against resampling one by one, and calibrated on simulated nulls."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from gap.stats.intervals import expanded_interval, percentile_interval
from gap.stats.multiple_testing import benjamini_hochberg
from gap.stats.sign_flip import PATTERNS, sign_flip_p
from gap.stats.two_way import bootstrap_weights, crossed_mean, pigeonhole


def layout(
    seed: int, runs: int = 12, items: int = 30, run: float = 1.0, item: float = 1.0, cell: float = 1.0, mean: float = 0.0
) -> np.ndarray:
    """Run, item and cell effects with these standard deviations, float [runs, items]."""
    draw = np.random.default_rng(seed)
    return mean + draw.normal(0, run, (runs, 1)) + draw.normal(0, item, items) + draw.normal(0, cell, (runs, items))


def test_mean_squares_are_those_of_statsmodels() -> None:
    part = layout(1, 5, 7)
    frame = pd.DataFrame([(r, i, part[r, i]) for r in range(5) for i in range(7)], columns=["run", "item", "value"])
    table = anova_lm(ols("value ~ C(run) + C(item)", frame).fit())["mean_sq"]
    found = crossed_mean([part])
    assert np.allclose([found.by_run, found.by_item, found.by_cell], np.array(table) / 35)
    assert found.mean == pytest.approx(part.mean()) and (found.runs, found.items) == (5, 7)


def test_without_items_that_matter_it_is_the_t_interval_over_runs() -> None:
    part = np.repeat(layout(2, 8, 1), 20, axis=1)
    expected = stats.ttest_1samp(part[:, 0], 0)
    found = crossed_mean([part])
    assert found.interval(0.95) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert 2 * min(found.p_above(0), 1 - found.p_above(0)) == pytest.approx(expected.pvalue)


def test_a_single_run_has_the_paired_t_interval_over_its_items() -> None:
    part = layout(3, 1, 25)
    found = crossed_mean([part])
    assert found.interval(0.9) == pytest.approx(tuple(stats.ttest_1samp(part[0], 0).confidence_interval(0.9)))
    assert found.runs_needed(1.0, 0.05, 0.8) is None


def test_an_average_over_tasks_shares_runs_and_not_items() -> None:
    """Against simulation: the variance of the estimate over studies is the mean of the estimated variances."""
    means, variances = [], []
    for seed in range(400):
        draw = np.random.default_rng(seed)
        run = draw.normal(0, 0.5, (9, 1))
        parts = [run + draw.normal(0, 1, items) + draw.normal(0, 2, (9, items)) for items in (12, 30)]
        found = crossed_mean(parts)
        means.append(found.mean)
        variances.append(found.by_run + found.by_item - found.by_cell)
    assert np.mean(variances) == pytest.approx(np.var(means), rel=0.2)


def test_nothing_varies() -> None:
    found = crossed_mean([np.full((4, 5), 2.0)])
    assert (
        found.variance == 0
        and all(map(math.isnan, found.interval(0.95)))
        and math.isnan(found.power(1, 0.05))
        and math.isnan(found.detectable(0.05, 0.8))
    )
    assert (found.p_above(1), found.p_above(2), found.p_above(3)) == (0, 0.5, 1)


def test_power_is_that_of_statsmodels() -> None:
    part = np.repeat(layout(4, 10, 1), 3, axis=1)
    found = crossed_mean([part])
    expected = TTestPower().power(0.7 / part[:, 0].std(ddof=1), 10, 0.05, alternative="two-sided")
    assert found.power(0.7, 0.05) == pytest.approx(expected, abs=1e-6)
    assert found.power(found.detectable(0.05, 0.8), 0.05) == pytest.approx(0.8, abs=0.02)


def test_the_runs_needed_give_the_power_asked_for() -> None:
    pilot = crossed_mean([layout(5, 12, 400, item=0.1)])
    needed = pilot.runs_needed(0.5, 0.025, 0.8)
    assert needed is not None
    found = [crossed_mean([layout(seed, needed, 400, item=0.1, mean=0.5)]).p_above(0) <= 0.025 for seed in range(200)]
    assert 0.6 < np.mean(found) < 0.95  # the pilot's variance is itself an estimate
    assert crossed_mean([layout(6, 12, 5, item=3.0)]).runs_needed(0.5, 0.025, 0.8) is None  # five items never show it


def test_weights_give_what_resampling_one_by_one_gives() -> None:
    part = layout(7, 4, 6)
    runs, items = bootstrap_weights(1, "r", 4, 50), bootstrap_weights(1, "i", 6, 50)
    drawn = pigeonhole(part, runs, items)
    for at in range(50):
        rows = np.repeat(np.arange(4), np.round(runs[at] * 4).astype(int))
        columns = np.repeat(np.arange(6), np.round(items[at] * 6).astype(int))
        assert drawn[at] == pytest.approx(part[np.ix_(rows, columns)].mean(), abs=1e-5)


def rejections(count: int, tests: int, rate: float = 0.05) -> float:
    """p-value of that many rejections where each has the chance ``rate``."""
    return stats.binomtest(count, tests, rate).pvalue


SHAPES = {"runs": (1.0, 0.1, 0.5), "items": (0.1, 1.0, 0.5), "both": (0.5, 1.0, 1.0)}


@pytest.mark.parametrize("shape", SHAPES)
def test_t_tests_and_intervals_hold_their_level(shape: str) -> None:
    """12 runs: 5 % of planted effects lie outside the t interval, and no fewer than 95 % of them inside the bootstrap's."""
    simulations, outside, missed = 400, 0, 0
    run, item, cell = SHAPES[shape]
    for seed in range(simulations):
        part = layout(1000 + seed, 12, 40, run, item, cell, mean=0.3)
        low, high = crossed_mean([part]).interval(0.95)
        outside += not low <= 0.3 <= high
        drawn = pigeonhole(part, bootstrap_weights(seed, "r", 12, 400), bootstrap_weights(seed, "i", 40, 400))
        low, high = expanded_interval(drawn, 0.95, 12)
        missed += not low <= 0.3 <= high
    assert rejections(outside, simulations) > 0.001
    assert missed <= stats.binom.ppf(0.999, simulations, 0.05)


def test_where_cells_are_all_the_t_interval_is_never_too_narrow() -> None:
    outside = sum(not (ends := crossed_mean([layout(seed, 8, 40, 0, 0, 1)]).interval(0.95)).low <= 0 <= ends.high for seed in range(400))
    assert outside <= stats.binom.ppf(0.999, 400, 0.05)


def test_plain_percentiles_of_few_runs_are_too_narrow_and_expanded_ones_are_not() -> None:
    plain, expanded = 0, 0
    for seed in range(400):
        part = layout(seed, 10, 40, 1.0, 0.05, 0.1)
        drawn = pigeonhole(part, bootstrap_weights(seed, "r", 10, 400), bootstrap_weights(seed, "i", 40, 400))
        for kind, ends in enumerate((percentile_interval(drawn, 0.95), expanded_interval(drawn, 0.95, 10))):
            outside = not ends.low <= 0 <= ends.high
            plain, expanded = plain + (outside and kind == 0), expanded + (outside and kind == 1)
    assert rejections(plain, 400) < 0.01 < rejections(expanded, 400)


def test_sign_flips_hold_their_level_and_are_exact_for_few_runs() -> None:
    draw = np.random.default_rng(8)
    p = sign_flip_p(draw.standard_t(3, (8, 1000)), draw)
    assert rejections(int((p <= 0.05).sum()), 1000, 12 / 256) > 0.001  # of 256 patterns, the 12 most extreme
    values = np.array([1.0, 2.0, 3.0, 4.0, -0.5])
    patterns = np.array([[1 - 2 * (number >> bit & 1) for bit in range(5)] for number in range(32)]) @ values
    assert sign_flip_p(values[:, None], draw)[0] == np.mean(np.abs(patterns) >= values.sum())


def test_sign_flips_of_many_runs_are_near_the_paired_t_test() -> None:
    draw = np.random.default_rng(9)
    values = draw.normal(0.25, 1, (60, 3))
    assert PATTERNS < 2**60
    assert sign_flip_p(values, draw) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.03)
    assert np.isnan(sign_flip_p(values[:1], draw)).all()


def test_the_false_discovery_rate_is_that_of_statsmodels() -> None:
    p_values = np.random.default_rng(10).uniform(size=12) ** 2
    assert benjamini_hochberg(p_values.tolist()) == pytest.approx(multipletests(p_values, method="fdr_bh")[1])
    assert benjamini_hochberg([]) == []
