"""Detectable gains: against textbook formulas, simulated tests and the raw CSV."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from gap.published.audit import detectable, power
from gap.published.read import read_published
from gap.published.section import Sampling, Section

MIRROR = os.environ.get("GAP_MIRROR")
real = pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is unset: no copy of the authors' files")
FOLDER = Path(MIRROR or "") / "upstream_gap"
HOW = Sampling(seed=1, resamples=10, simulations=10)
A, B = stats.norm.ppf(0.975), stats.norm.ppf(0.8)


@pytest.fixture(scope="module")
def found() -> Section:
    return power.section(read_published(FOLDER / "full_results", FOLDER / "data" / "train_data"), HOW)


def connor(gain: float, changed: float) -> float:
    """Pairs that Connor (1987) asks for."""
    return (A * changed**0.5 + B * (changed - gain**2) ** 0.5) ** 2 / gain**2


@pytest.mark.parametrize("agreement", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("count", [320, 1991])
def test_paired_gain_is_the_one_for_which_connor_asks_for_as_many_items(agreement: float, count: int) -> None:
    gain = float(detectable.paired(np.array([agreement]), count)[0])
    assert connor(gain, 1 - agreement) == pytest.approx(count, rel=1e-9)


def test_a_gain_larger_than_the_share_that_changes_is_impossible() -> None:
    assert np.isnan(detectable.paired(np.array([0.99]), 320)[0])
    assert np.isnan(detectable.paired(np.array([0.95]), 100)[0])
    least = detectable.floor(320)
    assert least == pytest.approx(optimize.brentq(lambda gain: connor(gain, gain) - 320, 1e-6, 0.5))
    assert np.isnan(detectable.paired(np.array([1 - least * 0.999]), 320)[0])
    assert detectable.paired(np.array([1 - least * 1.001]), 320)[0] == pytest.approx(least, rel=2e-3)


def test_the_paired_test_has_the_power_asked_for() -> None:
    """McNemar's test (normal approximation) on simulated items at the detectable gain."""
    agreement, count = 0.9, 2000
    gain = float(detectable.paired(np.array([agreement]), count)[0])
    changed = 1 - agreement
    drawn = np.random.default_rng(0).multinomial(count, [(changed + gain) / 2, (changed - gain) / 2, agreement], size=20_000)
    better, worse = drawn[:, 0], drawn[:, 1]
    shown = np.abs(better - worse) / np.sqrt(better + worse) > A
    assert shown.mean() == pytest.approx(0.8, abs=0.02)


def test_the_average_of_tasks_of_equal_size_counts_all_their_items() -> None:
    assert detectable.effective(np.full(8, 320)) == pytest.approx(2560)
    assert detectable.effective(np.array([100, 300])) == pytest.approx(4 / (1 / 100 + 1 / 300))


def test_unpaired_gain_by_hand() -> None:
    assert detectable.unpaired(0.5, 320) == pytest.approx((1.959964 + 0.841621) * (0.5 / 320) ** 0.5, rel=1e-6)


def test_agreement_that_a_gain_needs_is_the_inverse() -> None:
    agreement = detectable.needed_agreement(0.01, 1991)
    assert detectable.paired(np.array([agreement]), 1991)[0] == pytest.approx(0.01, rel=1e-6)
    assert np.isnan(detectable.needed_agreement(0.001, 1991)) and np.isnan(detectable.needed_agreement(0.0, 1991))


@real
@pytest.mark.parametrize("model", ["350M", "1.3B", "2.7B"])
def test_average_of_the_tasks_on_the_real_baselines(found: Section, model: str) -> None:
    frame = pd.read_csv(FOLDER / "full_results" / "classification.csv")
    base = frame[(frame["model"] == model) & (frame["epoch"] == 0)].filter(regex="/acc$").value_counts().index[0]
    sizes = [295, 320, 320, 320, 320, 320, 100, 320]
    variance = sum(p * (1 - p) / size for p, size in zip(base, sizes, strict=True)) / 64
    average = found.numbers["average"]
    assert average["standard_error"][model] == pytest.approx(variance**0.5)
    assert average["unpaired"][model] == pytest.approx((A + B) * (2 * variance) ** 0.5)
    assert found.numbers["tasks"]["copa"]["unpaired"][model] == pytest.approx((A + B) * (2 * base[6] * (1 - base[6]) / 100) ** 0.5)
    largest = found.numbers["observed"][model]
    count = 64 / sum(1 / size for size in sizes)
    assert found.numbers["effective_items"] == pytest.approx(count)
    assert connor(largest["largest"], 1 - largest["agreement_for_largest"]) == pytest.approx(count, rel=1e-6)
    below = found.sentences[1].partition("are below it for ")[2]
    assert (model in below) == (largest["mean"] < average["floor"])


@real
def test_the_table_leaves_out_what_cannot_be_shown(found: Section) -> None:
    [table] = found.tables
    copa = next(row for row in table.rows if row[0] == "copa")
    cells = dict(zip([column.key for column in table.columns], copa, strict=True))
    assert cells["paired_0.99"] is None and cells["paired_0.95"] is None
    assert cells["paired_0.9"] == pytest.approx(100 * detectable.paired(np.array([0.9]), 100)[0])
    assert len(table.rows) == 9
