"""Construction, first update, repeats, granularity and averages, recomputed from the raw CSVs and on small made-up rows."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gap.published.audit import averages, construction, first_update, granularity, repeats
from gap.published.names import TASKS
from gap.published.read import Published, read_published
from gap.published.section import Sampling, Section

MIRROR = os.environ.get("GAP_MIRROR")
real = pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is unset: no copy of the authors' files")
FOLDER = Path(MIRROR or "") / "upstream_gap"
FILES = {"classification": "classification.csv", "dialogue": "dialog.csv"}
HOW = Sampling(seed=1, resamples=500, simulations=10)


def raw(group: str) -> pd.DataFrame:
    """The authors' file with ``score``, the mean of its tasks' columns, and ``own``, its distance to the cell's unmodified rows."""
    frame = pd.read_csv(FOLDER / "full_results" / FILES[group])
    tasks = [column for column in frame.columns if column.endswith(("/acc", "/f1"))]
    frame["score"] = frame[tasks].sum(axis=1) / len(tasks)
    by_cell = frame[frame["epoch"] == 0].groupby(["model", "corpora"])["score"].first().to_dict()
    by_model = {model: rows["score"].round(12).mode()[0] for model, rows in frame[frame["epoch"] == 0].groupby("model")}
    pairs = zip(frame["model"], frame["corpora"], strict=True)
    frame["own"] = frame["score"] - [by_cell.get(pair, by_model[pair[0]]) for pair in pairs]
    frame["commonest"] = frame["score"] - frame["model"].map(by_model)
    return frame


@pytest.fixture(scope="module")
def data() -> Published:
    return read_published(FOLDER / "full_results", FOLDER / "data" / "train_data")


def text(section: Section) -> str:
    return " ".join(section.sentences)


@real
@pytest.mark.parametrize("group", FILES)
def test_counts_and_gains_with_and_without_the_unmodified_rows(data: Published, group: str) -> None:
    found, frame = construction.section(data, HOW), raw(group)
    numbers = found.numbers[group]
    assert numbers["unmodified"] == int((frame["epoch"] == 0).sum()) and numbers["rows"] == 894
    assert f"{int((frame['epoch'] == 0).sum())} of 894 rows are the unmodified model" in text(found)
    for model, rows in frame.groupby("model"):
        modified = rows.loc[rows["epoch"] != 0, "own"]
        for key, values in (("all", rows["own"]), ("modified", modified)):
            row = numbers["models"][model][key]
            assert row["count"] == len(values)
            assert row["mean"] == pytest.approx(values.mean(), abs=1e-12)
            assert row["median"] == pytest.approx(values.median(), abs=1e-12)
            assert row["largest"] == pytest.approx(values.max(), abs=1e-12)
            assert row["quantiles"]["0.9"] == pytest.approx(values.quantile(0.9), abs=1e-12)


@real
def test_rows_below_zero_are_the_unmodified_350m_of_one_corpus(data: Published) -> None:
    numbers, frame = construction.section(data, HOW).numbers, raw("dialogue")
    below = frame[frame["commonest"] < -1e-9]
    assert numbers["dialogue"]["below_commonest"] == len(below) > 0
    assert numbers["dialogue"]["below_commonest_unmodified"] == int((below["epoch"] == 0).sum())
    assert set(zip(below["model"], below["corpora"], strict=True)) == {("350M", "TDEC")}
    assert numbers["dialogue"]["lowest_against_commonest"] == pytest.approx(below["commonest"].min(), abs=1e-12)
    assert numbers["dialogue"]["below_own"] == int((frame["own"] < -1e-9).sum()) == 0
    [cell] = numbers["classification"]["two_baselines"]
    assert (cell["model"], cell["corpus"], cell["tasks"]) == ("350M", "TDEC", {"pubmed_qa": 1})
    assert cell["average"] == pytest.approx(1 / 320 / 8, abs=1e-8)  # scores are float32
    assert numbers["classification"]["below_commonest"] == int((raw("classification")["commonest"] < -1e-9).sum()) == 0


@real
@pytest.mark.parametrize("group", FILES)
def test_epochs_are_counted_and_epoch_1_never_occurs(data: Published, group: str) -> None:
    found, frame = first_update.section(data, HOW), raw(group)
    numbers = found.numbers[group]
    assert {int(epoch): count for epoch, count in numbers["counts"].items() if count} == dict(Counter(frame["epoch"]))
    assert numbers["counts"]["1"] == 0 and found.title == "Best epoch 1 never occurs"
    for model, counts in numbers["by_model"].items():
        assert counts["3"] == int(((frame["model"] == model) & (frame["epoch"] == 3)).sum())
    runs = len(frame[frame["epoch"] == 2].groupby(["model", "corpora", "index"]))
    assert numbers["runs_epoch_1_or_2"] == runs
    assert numbers["p_if_as_likely"] == pytest.approx(0.5**runs, rel=1e-9)
    # At the excluded ratio, missing epoch 1 in every run has a chance of 5 %.
    assert (1 / (1 + numbers["ratio_excluded"])) ** runs == pytest.approx(0.05, rel=1e-6)


@real
def test_either_file_counts_a_run_once_and_epoch_0_does_not_depend_on_the_text(data: Published) -> None:
    numbers = first_update.section(data, HOW).numbers
    keys = ["model", "corpora", "index"]
    runs = pd.concat([raw(group).query("epoch == 2")[keys] for group in FILES]).drop_duplicates()
    assert numbers["either"]["runs_epoch_1_or_2"] == len(runs)
    for group in FILES:
        frame = raw(group).query("epoch == 0")
        tasks = [column for column in frame.columns if column.endswith(("/acc", "/f1"))]
        assert numbers[group]["unmodified_distinct"] == max(
            len(rows[tasks].drop_duplicates()) for _, rows in frame.groupby(["model", "corpora"])
        )
    assert numbers["scale_after_skips"] == 16384


def test_a_run_with_epoch_1_lowers_no_chance_below_its_count() -> None:
    found = first_update._chance({"a", "b"}, {"c", "d", "e", "f"})
    assert found["p_if_as_likely"] == pytest.approx((1 + 6 + 15) / 64)  # at most two of six
    share = found["ratio_excluded"] / (1 + found["ratio_excluded"])
    assert stats.binom.cdf(2, 6, share) == pytest.approx(0.05)
    assert first_update._chance(set(), set())["p_if_as_likely"] is None


@pytest.mark.parametrize(("value", "shown"), [(0.25, "0.250"), (0.00031, "3.1 x 10^-4"), (1.9e-6, "1.9 x 10^-6"), (9.97e-5, "1.0 x 10^-4")])
def test_small_chances_are_written_with_an_exponent(value: float, shown: str) -> None:
    assert first_update.power_of_ten(value) == shown.replace("-", "\N{MINUS SIGN}")


@real
@pytest.mark.parametrize("group", FILES)
def test_repeats_and_their_spread(data: Published, group: str) -> None:
    found, frame = repeats.section(data, HOW), raw(group)
    numbers = found.numbers[group]
    runs = [(key, rows) for key, rows in frame.groupby(["model", "corpora", "index"])]
    several = [rows for _, rows in runs if len(rows) > 1]
    assert (numbers["runs"], numbers["repeated_runs"], numbers["repeated_rows"]) == (len(runs), len(several), sum(map(len, several)))
    assert numbers["differ"] == sum(rows["score"].nunique() > 1 for rows in several)
    assert numbers["all_unmodified"] == sum((rows["epoch"] == 0).all() for rows in several)
    assert numbers["unmodified_in_part"] == sum(rows["epoch"].eq(0).any() and rows["epoch"].ne(0).any() for rows in several)
    assert numbers["largest_difference"] == pytest.approx(max(np.ptp(rows["score"]) for rows in several))
    pooled = sum(rows["score"].var(ddof=1) * (len(rows) - 1) for rows in several) / sum(len(rows) - 1 for rows in several)
    assert numbers["within"] == pytest.approx(pooled**0.5)
    means = frame.groupby(["model", "corpora", "index"])["own"].mean().reset_index()
    between = sum(rows.var(ddof=1) * (len(rows) - 1) for _, rows in means.groupby("model")["own"]) / (len(means) - 3)
    assert numbers["between"] == pytest.approx(between**0.5)
    low, high = numbers["within_interval"]
    assert low < numbers["within"] < high
    assert len(found.tables[0].rows) == sum(
        len(repeats.repeated(rows).groupby(["model", "corpus", "index"])) for rows in data.rows.values()
    )


def rows(scores: list[tuple[str, int, float]]) -> pd.DataFrame:
    """Model, index and gain of made-up rows of one corpus."""
    frame = pd.DataFrame(scores, columns=["model", "index", "gain"])
    return frame.assign(corpus="CC", epoch=2)


def test_spread_within_and_between_runs_by_hand() -> None:
    frame = rows([("350M", 0, 1.0), ("350M", 0, 3.0), ("350M", 1, 5.0), ("350M", 1, 5.0), ("350M", 1, 8.0), ("1.3B", 0, 4.0)])
    # Run 0: squares 1 + 1, one degree of freedom; run 1: mean 6, squares 1 + 1 + 4, two.
    assert repeats.within(frame) == pytest.approx((8 / 3) ** 0.5)
    # Runs of 350M: 2 and 6, squares 4 + 4; one run of 1.3B; three runs less two models.
    assert repeats.between(frame) == pytest.approx(8**0.5)
    assert np.isnan(repeats.within(rows([("350M", 0, 1.0), ("350M", 1, 2.0)])))


@real
def test_every_accuracy_is_a_whole_number_of_items(data: Published) -> None:
    numbers = granularity.section(data, HOW).numbers
    frame = pd.read_csv(FOLDER / "full_results" / "classification.csv")
    sizes = {"ai2_arc_ARC-Challenge/acc": 295, "super_glue_copa/acc": 100, "piqa/acc": 320, "math_qa/acc": 320}
    names = {"ai2_arc_ARC-Challenge/acc": "arc_challenge", "super_glue_copa/acc": "copa", "piqa/acc": "piqa", "math_qa/acc": "math_qa"}
    for column, size in sizes.items():
        possible = (np.arange(size + 1) / size).astype(np.float32).astype(float)
        strange = ~frame[column].isin(possible)
        row = numbers["tasks"][names[column]]
        assert row["misfits"] == int(strange.sum()) == 0
        assert row["distinct"] == frame[column].nunique()
        assert row["smallest_that_fits"] == size and all(count % size == 0 for count in row["counts_that_fit"])
    assert numbers["misfits"] == 0 and numbers["values"] == 894 * 8
    for group, name in FILES.items():
        scores = pd.read_csv(FOLDER / "full_results" / name).filter(regex="/(acc|f1)$").to_numpy()
        assert numbers["float32"][group] == {"values": scores.size, "float32": int((scores.astype(np.float32) == scores).sum())}


@real
def test_a_changed_accuracy_is_found_and_named(data: Published) -> None:
    changed = data.rows["classification"].copy()
    changed.loc[7, "copa"] = 0.705
    found = granularity.section(Published({**data.rows, "classification": changed}, data.texts), HOW)
    assert found.numbers["misfits"] == 1 and found.numbers["tasks"]["copa"]["smallest_that_fits"] == 200
    [named] = found.numbers["misfit_rows"]
    assert (named["task"], named["value"], named["index"]) == ("copa", 0.705, changed.loc[7, "index"])
    assert ": 1 do not fit; the first: " in text(found) and "(copa 0.705000)" in text(found)
    assert "smallest that fits in 7 of 8 tasks, not in copa (see the table)." in text(found), "the count that fits is larger"


def test_rounding_to_float32_fits_and_two_float32_further_does_not() -> None:
    for size in (100, 295, 320):
        exact = np.arange(size + 1) / size
        single = exact.astype(np.float32)
        assert granularity.fits(single.astype(float), size).all()
        beyond = np.nextafter(np.nextafter(single, np.float32(2)), np.float32(2)).astype(float)
        assert not granularity.fits(beyond, size).any()
    assert not granularity.fits(np.array([0.3711]), 320).any()


@real
@pytest.mark.parametrize("group", FILES)
def test_averages_are_macro_averages(data: Published, group: str) -> None:
    numbers = averages.section(data, HOW).numbers[group]
    frame = pd.read_csv(FOLDER / "full_results" / FILES[group])
    scores = frame.filter(regex="/(acc|f1)$")
    assert numbers["largest_difference"] == pytest.approx((frame["average"] - scores.mean(axis=1)).abs().max(), abs=1e-15)
    assert numbers["beyond_rounding"] == 0
    if group == "classification":
        counts = [295, 320, 320, 320, 320, 320, 100, 320]
        weighted = sum(scores.iloc[:, place] * count for place, count in enumerate(counts)) / sum(counts)
        assert numbers["largest_from_weighted"] == pytest.approx((frame["average"] - weighted).abs().max(), abs=1e-12)
        assert numbers["matches_weighted"] == 0


@real
def test_an_average_that_is_not_the_mean_of_its_tasks_is_counted(data: Published) -> None:
    changed = data.rows["dialogue"].copy()
    changed.loc[3, "average"] += 1e-6
    found = averages.section(Published({**data.rows, "dialogue": changed}, data.texts), HOW)
    assert found.numbers["dialogue"]["beyond_rounding"] == 1
    assert found.numbers["dialogue"]["largest_difference"] == pytest.approx(1e-6, rel=1e-6)
    assert "not the macro average in every row" in found.sentences[1]


def test_sizes_of_the_tasks() -> None:
    assert sorted(Counter(task.items for task in TASKS.values()).items()) == [(100, 1), (295, 1), (320, 10)]
