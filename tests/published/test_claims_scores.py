"""Figure 1, scores by corpus and the comparison with larger models, recomputed from the raw CSVs."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gap.published.claims import by_corpus, figure1, larger_models
from gap.published.read import Published, read_published
from gap.published.section import Sampling, Section

MIRROR = os.environ.get("GAP_MIRROR")
pytestmark = pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is unset: no copy of the authors' files")
FOLDER = Path(MIRROR or "") / "upstream_gap"
FILES = {"dialogue": "dialog.csv", "classification": "classification.csv"}
HOW = Sampling(seed=1, resamples=1000, simulations=10)
CELLS = [(group, model, corpus) for group in FILES for model in ("350M", "1.3B", "2.7B") for corpus in ("TDEC", "CC", "Git.")]


def raw(group: str) -> pd.DataFrame:
    """The authors' file with ``score``, the mean of its tasks' columns."""
    frame = pd.read_csv(FOLDER / "full_results" / FILES[group])
    tasks = [column for column in frame.columns if column.endswith(("/acc", "/f1"))]
    return frame.assign(score=frame[tasks].mean(axis=1))


def chosen(group: str, model: str, corpus: str | None = None) -> pd.DataFrame:
    frame = raw(group)
    return frame[(frame["model"] == model) & ((frame["corpora"] == corpus) if corpus else True)]


def commonest(group: str, model: str) -> float:
    rows = chosen(group, model)
    return float(rows.loc[rows["epoch"] == 0, "score"].round(12).mode().iloc[0])


def own(group: str, model: str, corpus: str) -> float:
    """Unmodified score of the corpus's own rows; all of them agree."""
    rows = chosen(group, model, corpus)
    scores = rows.loc[rows["epoch"] == 0, "score"].round(12).unique()
    assert len(scores) <= 1
    return float(scores[0]) if len(scores) else commonest(group, model)


def gains(group: str, model: str) -> pd.Series:
    rows = chosen(group, model)
    return rows["score"] - rows["corpora"].map({corpus: own(group, model, corpus) for corpus in ("TDEC", "CC", "Git.")})


@pytest.fixture(scope="module")
def data() -> Published:
    return read_published(FOLDER / "full_results", FOLDER / "data/train_data")


@pytest.fixture(scope="module")
def corpora(data: Published) -> Section:
    return by_corpus.section(data, HOW)


@pytest.fixture(scope="module")
def larger(data: Published) -> Section:
    return larger_models.section(data, HOW)


def test_figure1_baselines_and_rows(data: Published) -> None:
    section = figure1.section(data, HOW)
    for group in FILES:
        assert section.numbers[group]["rows"] == len(raw(group)) == 894
        for model, found in section.numbers[group]["models"].items():
            rows = chosen(group, model)
            assert found["baseline"] == pytest.approx(commonest(group, model), abs=1e-9)
            assert found["rows"] == len(rows)
            assert found["rows_by_corpus"] == rows["corpora"].value_counts().to_dict()
            assert found["highest"] == pytest.approx(rows["average"].max(), abs=1e-6)
    assert section.numbers["reference_rows"] is False
    assert "cannot be redrawn" in section.sentences[-1] and all("cannot be redrawn" in drawing.caption for drawing in section.figures)
    assert f"{100 * commonest('dialogue', '2.7B'):.2f} (2.7B)" in section.figures[0].caption


@pytest.mark.parametrize(("group", "model", "corpus"), CELLS)
def test_by_corpus_cell(corpora: Section, group: str, model: str, corpus: str) -> None:
    found, rows, base = corpora.numbers[group][model][corpus], chosen(group, model, corpus), own(group, model, corpus)
    gain = rows["score"] - base
    assert (found["rows"], found["runs"]) == (len(rows), rows["index"].nunique())
    expected = {
        "baseline": base,
        "mean": rows["score"].mean(),
        "median": rows["score"].median(),
        "best": rows["score"].max(),
        "gain": gain.mean(),
        "best_gain": gain.max(),
        "above": (rows["epoch"] > 0).mean(),
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("group", "model"), [(group, model) for group in FILES for model in ("350M", "1.3B", "2.7B")])
def test_by_corpus_all_and_its_intervals(corpora: Section, group: str, model: str) -> None:
    found, rows = corpora.numbers[group][model]["all"], chosen(group, model)
    gain = gains(group, model)
    assert found["gain"] == pytest.approx(gain.mean(), abs=1e-9)
    assert found["baseline"] == pytest.approx(commonest(group, model), abs=1e-9)
    assert found["runs"] == len(rows[["corpora", "index"]].drop_duplicates())
    # A mean of some 290 nearly independent values: the bootstrap has to agree with the t interval.
    error = gain.std() / np.sqrt(len(gain))
    assert found["gain_interval"] == pytest.approx([gain.mean() - 1.96 * error, gain.mean() + 1.96 * error], abs=0.35 * error)
    assert found["median_interval"][0] <= found["median"] <= found["median_interval"][1]
    share = stats.binomtest(int((rows["epoch"] > 0).sum()), len(rows)).proportion_ci(method="wilson")
    assert found["above_interval"] == pytest.approx([share.low, share.high], abs=0.012)
    assert "best_interval" not in found


def test_the_other_unmodified_row_of_350m_makes_half_of_its_tdec_rows_look_better(corpora: Section) -> None:
    found = corpora.numbers["classification"]["350M"]["TDEC"]
    rows = chosen("classification", "350M", "TDEC")
    difference = own("classification", "350M", "TDEC") - commonest("classification", "350M")
    assert difference == pytest.approx(1 / 320 / 8, abs=1e-8), "one item of PubMedQA"
    assert found["gain_against_commonest"] - found["gain"] == pytest.approx(difference, abs=1e-9)
    assert found["above_commonest"] == 1.0 and found["above"] == pytest.approx((rows["epoch"] > 0).mean())


def test_tables_hold_the_numbers_in_points(corpora: Section) -> None:
    for table, group in zip(corpora.tables, FILES, strict=True):
        keys = [column.key for column in table.columns]
        assert len(table.rows) == 3 * 4 and table.breaks == {4, 8}
        for row in table.rows:
            line = dict(zip(keys, row, strict=True))
            found = corpora.numbers[group][line["model"]][line["corpus"]]
            assert line["gain"] == pytest.approx(100 * found["gain"])
            assert line["mean_interval"] == f"{100 * found['mean_interval'][0]:.2f} to {100 * found['mean_interval'][1]:.2f}"


@pytest.mark.parametrize("group", FILES)
@pytest.mark.parametrize(("model", "next_model"), [("350M", "1.3B"), ("1.3B", "2.7B")])
def test_runs_that_reach_the_next_size(larger: Section, group: str, model: str, next_model: str) -> None:
    found, rows = larger.numbers[group][f"{model} to {next_model}"], chosen(group, model)
    base, target = commonest(group, model), commonest(group, next_model)
    reached = int((rows["score"] >= target).sum())
    assert found["reached"] == reached == sum(found["reached_by_corpus"].values())
    assert found["share"] == pytest.approx(reached / len(rows))
    assert found["gap"] == pytest.approx(target - base, abs=1e-9)
    gain = gains(group, model)
    assert found["closed"] == pytest.approx(gain.mean() / (target - base), abs=1e-6)
    assert found["closed_best"] == pytest.approx(gain.max() / (target - base), abs=1e-6)
    low, high = found["closed_interval"]
    error = gain.std() / np.sqrt(len(gain)) / (target - base)
    assert (low, high) == pytest.approx((found["closed"] - 1.96 * error, found["closed"] + 1.96 * error), abs=0.35 * error)
    interval = stats.binomtest(reached, len(rows)).proportion_ci(method="wilson")
    assert found["share_interval"] == pytest.approx([interval.low, interval.high], abs=0.015)
    assert any(f"{reached} of {len(rows)} rows reach" in text for text in larger.sentences)


def test_the_gaps_standard_error_and_the_tasks_where_the_larger_model_is_better(larger: Section) -> None:
    frame = raw("classification")
    tasks = [column for column in frame.columns if column.endswith("/acc")]
    items = np.array([295 if "Challenge" in task else 100 if "copa" in task else 320 for task in tasks])
    rows = [frame[(frame["model"] == model) & (frame["epoch"] == 0)][tasks].iloc[0].to_numpy(float) for model in ("1.3B", "2.7B")]
    found = larger.numbers["classification"]["1.3B to 2.7B"]
    assert found["gap_error"] == pytest.approx(np.sqrt(sum((p * (1 - p) / items).sum() for p in rows)) / len(tasks), rel=1e-6)
    assert found["tasks_higher"] == int((rows[1] > rows[0]).sum())
    assert found["times"] == pytest.approx(2.7 / 1.3)
    assert larger.numbers["dialogue"]["1.3B to 2.7B"]["gap_error"] is None
    assert any("6.7B cannot be checked" in text for text in larger.sentences)


def test_figures_are_drawn_and_the_same_twice(data: Published, corpora: Section, larger: Section, tmp_path: Path) -> None:
    stamp = SimpleNamespace(name="published", digest="0" * 12)
    for drawing in (*figure1.section(data, HOW).figures, *corpora.figures, *larger.figures):
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir(exist_ok=True)
            drawing.write(stamp, tmp_path / folder)
        for ending in ("png", "pdf"):
            assert (tmp_path / "a" / f"{drawing.name}.{ending}").read_bytes() == (tmp_path / "b" / f"{drawing.name}.{ending}").read_bytes()
