"""Classification against dialogue: matched runs, rank correlation and top deciles, from the raw CSVs and by hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gap.published.audit import two_groups
from gap.published.read import Published, read_published
from gap.published.section import Sampling, Section

MIRROR = os.environ.get("GAP_MIRROR")
real = pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is unset: no copy of the authors' files")
FOLDER = Path(MIRROR or "") / "upstream_gap"
HOW = Sampling(seed=1, resamples=1000, simulations=10)
MODELS = ("350M", "1.3B", "2.7B")
KEYS = ["model", "corpora", "index"]


def runs(name: str) -> pd.Series:
    """Mean gain of every run over the unmodified rows of its model and corpus, by model, corpus and index."""
    frame = pd.read_csv(FOLDER / "full_results" / f"{name}.csv")
    frame["score"] = frame.filter(regex="/(acc|f1)$").mean(axis=1)
    unmodified = frame[frame["epoch"] == 0]
    by_cell = unmodified.groupby(["model", "corpora"])["score"].first().to_dict()
    common = {model: rows["score"].round(12).mode()[0] for model, rows in unmodified.groupby("model")}
    frame["gain"] = [row.score - by_cell.get((row.model, row.corpora), common[row.model]) for row in frame.itertuples()]
    return frame.groupby(KEYS)["gain"].mean()


@pytest.fixture(scope="module")
def found() -> Section:
    return two_groups.section(read_published(FOLDER / "full_results", FOLDER / "data" / "train_data"), HOW)


@real
def test_runs_are_matched_over_the_files(found: Section) -> None:
    first, second = set(runs("classification").index), set(runs("dialog").index)
    assert found.numbers["matched"] == len(first & second)
    assert found.numbers["unmatched"] == {"classification": len(first - second), "dialogue": len(second - first)}


@real
@pytest.mark.parametrize("model", MODELS)
def test_rank_correlation_and_interval(found: Section, model: str) -> None:
    both = pd.concat([runs("classification"), runs("dialog")], axis=1, join="inner", keys=["c", "d"]).loc[model]
    row = found.numbers["models"][model]
    assert row["runs"] == len(both)
    # Repeats averaged from float scores: exact zeros may differ in the last bit, so ranks are taken of rounded gains.
    value = stats.spearmanr(both["c"].round(12), both["d"].round(12)).statistic
    assert row["correlation"] == pytest.approx(value, abs=2e-3)
    low, high = row["correlation_interval"]
    z, error = np.arctanh(value), 1.06 / np.sqrt(len(both) - 3)  # Fieller, Hartley and Pearson 1957
    assert (low, high) == pytest.approx((np.tanh(z - 1.96 * error), np.tanh(z + 1.96 * error)), abs=0.03)
    for corpus, rows in both.groupby("corpora"):
        value = stats.spearmanr(rows["c"].round(12), rows["d"].round(12)).statistic
        assert row["by_corpus"][corpus] == pytest.approx(value, abs=5e-3)


@real
def test_rounding_of_the_averages_breaks_no_tie(found: Section) -> None:
    data = read_published(FOLDER / "full_results", FOLDER / "data" / "train_data")
    random = np.random.default_rng(0)
    noisy = {group: frame.assign(mean=frame["mean"] + random.uniform(-1e-13, 1e-13, len(frame))) for group, frame in data.rows.items()}
    assert two_groups.section(Published(noisy, data.texts), HOW).numbers == found.numbers


@real
@pytest.mark.parametrize("model", MODELS)
def test_runs_in_the_top_decile_of_both(found: Section, model: str) -> None:
    both = pd.concat([runs("classification"), runs("dialog")], axis=1, join="inner", keys=["c", "d"]).loc[model].round(12)
    size = -(-len(both) // 10)
    tops = [set(both.index[both[key] >= both[key].nlargest(size).iloc[-1]]) for key in ("c", "d")]
    row = found.numbers["models"][model]
    assert row["top"] == [len(top) for top in tops] and row["both"] == len(tops[0] & tops[1])
    assert row["expected"] == pytest.approx(len(tops[0]) * len(tops[1]) / len(both))
    table = [[row["both"], len(tops[0]) - row["both"]], [len(tops[1]) - row["both"], len(both) - len(tops[0] | tops[1])]]
    assert row["p"] == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)
    assert row["p_less"] == pytest.approx(stats.fisher_exact(table, alternative="less").pvalue)
    assert row["p_holm"] >= row["p"]


def test_overlap_by_hand() -> None:
    first = np.array([9.0, 8, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    second = np.array([9.0, 1, 8, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    found = two_groups.overlap(first, second)
    assert (found["top"], found["both"], found["expected"]) == ([2, 2], 1, 0.2)
    # P(at least one of 2 drawn from 20 is among 2): 1 - (18 * 17) / (20 * 19).
    assert found["p"] == pytest.approx(1 - 18 * 17 / (20 * 19))


def test_ties_at_the_border_belong_to_the_top() -> None:
    found = two_groups.overlap(np.array([5.0, 5, 5, *[0] * 17]), np.arange(20.0))
    assert found["top"] == [3, 2] and found["both"] == 0 and found["p"] == 1
