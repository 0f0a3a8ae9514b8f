"""Rank correlations against scipy, within strata by hand, and permutation p-values against all permutations."""

from __future__ import annotations

import math
from itertools import permutations as every

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from gap.stats.bootstrap import Bootstrap, correlations
from gap.stats.ranks import centred, permutation_p, permutations, rank_correlation, usable

NUMBERS = st.integers(-4, 4).map(float)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=4, max_size=25)


def sides(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    return first, second


@settings(max_examples=80)
@given(PAIRS)
def test_ranks_and_rho_are_scipys(pairs: list[tuple[float, float]]) -> None:
    first, second = sides(pairs)
    ranks = centred(first, np.zeros(len(first))) * len(first) + (len(first) + 1) / 2
    np.testing.assert_allclose(ranks, stats.rankdata(first), rtol=0, atol=1e-12)
    assume(np.ptp(first) > 0 and np.ptp(second) > 0)
    assert rank_correlation(first, second) == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


@settings(max_examples=50)
@given(PAIRS, st.lists(st.integers(0, 2), min_size=25, max_size=25), st.floats(-100, 100))
def test_what_differs_between_strata_adds_nothing(pairs: list[tuple[float, float]], labels: list[int], shift: float) -> None:
    first, second = sides(pairs)
    strata = np.array(labels[: len(pairs)])
    found = rank_correlation(first, second, strata)
    moved = rank_correlation(first + shift * strata, np.exp(second / 4) + shift * strata**2, strata)
    assert moved == pytest.approx(found, abs=1e-12, nan_ok=True)


def test_within_strata_by_hand() -> None:
    # Together the two strata rise; within each, everything falls.
    first = np.array([1.0, 2, 3, 4, 11, 12, 13, 14])
    second = np.array([4.0, 3, 2, 1, 14, 13, 12, 11])
    strata = np.repeat([0, 1], 4)
    assert rank_correlation(first, second, strata) == pytest.approx(-1)
    together = rank_correlation(first, second)
    assert together == pytest.approx(stats.spearmanr(first, second).statistic) and together > 0.5
    assert centred(np.array([5.0, 7, 7, 9, 1]), np.array([0, 0, 0, 0, 1])).tolist() == [-0.375, 0.0, 0.0, 0.375, 0.0]


def test_one_stratum_is_no_stratum() -> None:
    draw_ = np.random.default_rng(3)
    first, second = draw_.normal(size=(2, 30))
    assert rank_correlation(first, second, np.zeros(30)) == rank_correlation(first, second)


def test_what_has_no_correlation() -> None:
    steps = np.arange(4.0)
    assert usable(steps, steps[::-1])
    assert not usable(steps[:3], steps[:3]) and not usable(steps, np.ones(4)) and not usable(np.array([0, 1, 2, np.nan]), steps)
    assert math.isnan(rank_correlation(steps, np.ones(4)))


def test_the_p_value_is_the_share_of_all_permutations() -> None:
    first, second = np.array([1.0, 2, 3, 4, 5, 5]), np.array([2.0, 1, 3, 3, 6, 4])
    observed = abs(stats.spearmanr(first, second).statistic)
    extreme = [abs(stats.spearmanr(first, second[list(order)]).statistic) >= observed - 1e-9 for order in every(range(6))]
    orders = permutations(np.random.default_rng(1), 40_000, np.zeros(6, dtype=int))
    assert permutation_p(first, second, orders) == pytest.approx(np.mean(extreme), abs=0.004)


def test_the_p_value_is_uniform_without_a_relation_and_small_with_one() -> None:
    generator = np.random.default_rng(5)
    orders = permutations(generator, 499, np.zeros(20, dtype=int))
    p = [permutation_p(generator.normal(size=20), generator.normal(size=20), orders) for _ in range(300)]
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert permutation_p(np.arange(20.0), np.arange(20.0) ** 3, orders) == 1 / 500
    assert permutation_p(np.arange(20.0), np.zeros(20), orders) == 1.0


def test_permutations_stay_within_strata() -> None:
    strata = np.array([0, 1, 0, 2, 1, 1])
    orders = permutations(np.random.default_rng(0), 50, strata)
    assert (np.sort(orders, axis=1) == np.arange(6)).all() and (strata[orders] == strata).all()
    assert len(np.unique(orders, axis=0)) == 12  # 2! * 3! * 1!


def test_a_stratified_bootstrap_is_that_of_repeated_rows() -> None:
    generator = np.random.default_rng(2)
    parts = {name: generator.normal(size=(2, 6)).round(1) for name in "ab"}
    sums = np.zeros((3, 200))
    slow = []
    drawn = {name: Bootstrap(7, 200).resample(range(6), name) for name in parts}
    for name, (first, second) in parts.items():
        sums += np.array(drawn[name].rank_moments(first, second)) / 36
    for resample in range(200):
        rows = {name: np.repeat(np.arange(6), drawn[name].weights[resample].astype(int)) for name in parts}
        x, y = (np.concatenate([parts[name][side][rows[name]] for name in parts]) for side in range(2))
        slow.append(rank_correlation(x, y, np.repeat([0, 1], 6)))
    np.testing.assert_allclose(correlations((sums[0], sums[1], sums[2])), slow, atol=1e-9)
