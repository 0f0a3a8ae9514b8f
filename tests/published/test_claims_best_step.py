"""The distribution of the best step, recomputed from the raw CSVs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gap.published.claims import best_step
from gap.published.read import read_published
from gap.published.rows import real_updates
from gap.published.section import Sampling, Section

MIRROR = os.environ.get("GAP_MIRROR")
FOLDER = Path(MIRROR or "") / "upstream_gap"
FILES = {"dialogue": "dialog.csv", "classification": "classification.csv"}
real_data = pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is unset: no copy of the authors' files")


def raw(group: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / "full_results" / FILES[group])


@pytest.fixture(scope="module")
def section() -> Section:
    data = read_published(FOLDER / "full_results", FOLDER / "data/train_data")
    return best_step.section(data, Sampling(seed=1, resamples=100, simulations=10))


@real_data
@pytest.mark.parametrize("group", FILES)
@pytest.mark.parametrize("model", ["350M", "1.3B", "2.7B", "all"])
def test_distribution(section: Section, group: str, model: str) -> None:
    frame = raw(group)
    epochs = frame["epoch"] if model == "all" else frame.loc[frame["model"] == model, "epoch"]
    found, changed = section.numbers[group]["models"][model], np.sort(epochs[epochs > 0])
    counts = {str(epoch): int(count) for epoch, count in epochs.value_counts().items()}
    assert {epoch: count for epoch, count in found["counts"].items() if count} == counts
    assert sum(found["counts"].values()) == found["rows"] == len(epochs)
    assert found["unmodified"] == (epochs == 0).sum()
    assert found["printed"]["largest"] == changed[-1] and found["real"]["largest"] == changed[-1] - 1
    assert found["printed"]["median"] == changed[int(np.ceil(0.5 * len(changed))) - 1]
    assert found["real"]["q95"] == changed[int(np.ceil(0.95 * len(changed))) - 1] - 1
    expected = stats.binomtest(int(found["unmodified"]), len(epochs)).proportion_ci(method="wilson")
    assert found["unmodified_share_interval"] == pytest.approx([expected.low, expected.high], abs=0.012)


@real_data
def test_sentences_name_the_largest_epoch_in_both_counts(section: Section) -> None:
    for text, group in zip(section.sentences, FILES, strict=False):
        largest = raw(group)["epoch"].max()
        assert f"the largest is {largest} ({largest - 1})" in text


def test_real_updates_by_hand() -> None:
    assert [real_updates(epoch) for epoch in (0, 1, 2, 3, 12)] == [0, 0, 1, 2, 11]
