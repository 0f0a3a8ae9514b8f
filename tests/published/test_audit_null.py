"""The simulated runs without effect: moments, limits, the authors' stop step by step, and the expected maximum."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from gap.published.audit import null
from gap.stats.order_statistics import expected_maximum

ITEMS = np.array([320, 295, 100])
RIGHT = np.array([160, 60, 70])


def simulate(flips: float, runs: int = 20_000, right: np.ndarray = RIGHT) -> np.ndarray:
    return null.counts(right, ITEMS, flips, runs, np.random.default_rng(5))


def test_no_flip_leaves_every_run_at_the_unmodified_model() -> None:
    runs = null.best(simulate(0.0, 50), RIGHT, ITEMS, None)
    assert (runs.gain == 0).all() and (runs.step == 0).all() and (runs.changed_fraction == 0).all()


@pytest.mark.parametrize("flips", [0.01, 0.1])
def test_accuracy_stays_and_varies_as_the_chain_says(flips: float) -> None:
    chain, p = simulate(flips), RIGHT / ITEMS
    correlation = 1 - flips / null.independent_share(RIGHT, ITEMS)
    for step in (1, 2, null.MOST):
        found = chain[step - 1]
        expected = ITEMS * p * (1 - p) * (1 - correlation ** (2 * step))
        assert found.mean(axis=0) == pytest.approx(RIGHT, abs=4 * np.sqrt(expected.max() / len(found)))
        assert found.var(axis=0) == pytest.approx(expected, rel=0.05)


def test_one_update_changes_the_share_of_items_asked_for() -> None:
    """Item by item: the chain's probabilities applied to single items change that share of them."""
    flips, random = 0.04, np.random.default_rng(1)
    changed = flips / null.independent_share(RIGHT, ITEMS)
    total = 0
    for right, items in zip(RIGHT, ITEMS, strict=True):
        correct = np.arange(items) < right
        chance = np.where(correct, 1 - right / items, right / items) * changed
        total += int((random.random((4000, items)) < chance).sum())
    assert total / 4000 / ITEMS.sum() == pytest.approx(flips, rel=0.01)


def test_independent_evaluations_are_binomial() -> None:
    share = null.independent_share(RIGHT, ITEMS)
    p = RIGHT / ITEMS
    assert share == pytest.approx((2 * p * (1 - p) * ITEMS).sum() / ITEMS.sum())
    chain = simulate(share)
    for task in range(3):
        observed = np.bincount(chain[4, :, task], minlength=ITEMS[task] + 1)
        expected = stats.binom.pmf(np.arange(ITEMS[task] + 1), ITEMS[task], p[task]) * len(chain[4])
        usual = expected > 5
        scale = observed[usual].sum() / expected[usual].sum()
        assert stats.chisquare(observed[usual], expected[usual] * scale).pvalue > 1e-3
    assert abs(np.corrcoef(chain[0, :, 0], chain[1, :, 0])[0, 1]) < 0.03


def test_the_largest_of_independent_evaluations_is_that_of_normal_numbers() -> None:
    """Against E[max(0, Z_1..Z_k)] times the standard deviation of the average."""
    items = np.full(8, 320)
    right = np.full(8, 160)
    chain = null.counts(right, items, null.independent_share(right, items), 20_000, np.random.default_rng(2))
    for steps in (null.FEWEST, null.MOST):
        found = null.best(chain, right, items, steps).gain.mean()
        assert found == pytest.approx(null.expected_best(steps) * np.sqrt(0.25 / 320 / 8), rel=0.02)


def test_expected_best_of_few_normal_numbers() -> None:
    assert null.expected_best(1) == pytest.approx(1 / np.sqrt(2 * np.pi))
    drawn = np.random.default_rng(0).normal(size=(400_000, 2)).max(axis=1).clip(0)
    assert null.expected_best(2) == pytest.approx(drawn.mean(), abs=3e-3)


def walk(changes: list[float]) -> tuple[float, int]:
    """The authors' tracker for the classification average alone: best change and its real update; 0 for the unmodified model."""
    highest, counted, best = 0.0, 0, (0.0, 0)
    for epoch, change in enumerate(changes, start=2):
        if change > best[0]:
            best = (change, epoch - 1)
        if epoch >= 5 and change < highest:
            counted += 1
        highest = max(highest, change)
        if counted >= 2:
            break
    return best


def test_the_stop_is_that_of_the_authors_tracker() -> None:
    items, right = np.array([1000]), np.array([500])
    chain = np.random.default_rng(3).integers(-4, 5, size=(null.MOST, 500, 1)).cumsum(axis=0) + 500
    found = null.best(chain, right, items, None)
    for run in range(500):
        gain, step = walk([float(value) for value in (chain[:, run, 0] - 500) / 1000])
        assert (found.gain[run], found.step[run]) == (pytest.approx(gain), step)
    assert (found.step == 0).any() and (found.step > 5).any()


def test_a_stopped_run_does_not_see_a_later_maximum_and_equal_averages_do_not_count_against_it() -> None:
    def one(*values: int) -> tuple[float, int]:
        padded = [*values, *[0] * (null.MOST - len(values))]
        found = null.best(np.array(padded)[:, None, None] + 50, np.array([50]), np.array([100]), None)
        return float(found.gain[0]), int(found.step[0])

    assert one(1, 0, 0, 0, 0, 9) == (pytest.approx(0.01), 1)  # epochs 5 and 6 lie below: epoch 7 never happens
    assert one(1, 0, 0, 1, 0, 9) == (pytest.approx(0.09), 6)  # epoch 5 equals the maximum
    assert one(-1, -2, -3, -4, -5, 9) == (0.0, 0)
    assert one(2, 2, 0, 0, 0) == (pytest.approx(0.02), 1)  # the earlier of equals


def test_bounds_of_the_number_of_candidates() -> None:
    assert (null.FEWEST, null.MOST) == (5, 13)
    chain = np.full((null.MOST, 1, 1), 50)
    chain[5] = 60
    assert null.best(chain, np.array([50]), np.array([100]), null.FEWEST).gain[0] == 0
    assert null.best(chain, np.array([50]), np.array([100]), null.MOST).gain[0] == pytest.approx(0.1)


def test_movement_is_the_sum_of_net_changes() -> None:
    chain = np.broadcast_to(RIGHT, (null.MOST, 1, 3)).copy()
    chain[2, 0] = RIGHT + np.array([10, -4, 1])
    assert null.best(chain, RIGHT, ITEMS, None).changed_fraction[0] == pytest.approx(15 / 715)


@pytest.mark.parametrize("runs", [1, 2, 4, 6])
def test_expected_maximum_is_the_mean_over_all_subsets(runs: int) -> None:
    gains = np.array([0.3, 0.1, 0.1, 0.7, 0.0, 0.2])
    expected = np.mean([max(subset) for subset in combinations(gains, runs)])
    assert expected_maximum(gains, runs) == pytest.approx(expected)


def test_expected_maximum_of_more_runs_than_simulated_is_unknown() -> None:
    assert np.isnan(expected_maximum(np.zeros(5), 6)) and np.isnan(expected_maximum(np.zeros(5), 0))


def test_expected_maximum_of_many_runs_against_normal_theory() -> None:
    drawn = np.random.default_rng(0).normal(size=200_000)
    exact = np.random.default_rng(1).normal(size=(4000, 300)).max(axis=1).mean()
    assert expected_maximum(drawn, 300) == pytest.approx(exact, abs=0.03)
