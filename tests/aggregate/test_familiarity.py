"""Features against gains: the table on the made-up study against scipy, several methods, and what is left empty."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gap.aggregate.familiarity import COLUMNS, familiarity
from gap.aggregate.stage import aggregate
from gap.aggregate.study_index import study_index
from gap.aggregate.texts import read_features
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.tables import read_table, write_table
from gap.describe.features import COSINE, FEATURES


@pytest.fixture(scope="module")
def plan(plan_path: Path) -> dict:
    document = read_json(plan_path)
    aggregate(document)
    return document


@pytest.fixture(scope="module")
def table(plan: dict) -> pd.DataFrame:
    return pd.read_csv(plan["light"]["familiarity"])


def selections(plan: dict) -> pd.DataFrame:
    return read_table(Path(plan["light"]["selections"]), "selections")


def features(plan: dict) -> pd.DataFrame:
    return read_table(Path(plan["light"]["text_features"]), "text_features")


def pairs(plan: dict, model: str, corpus: str, group: str, policy: str, feature: str) -> pd.DataFrame:
    """Feature, gain and corpus of each run, joined by hand."""
    chosen = selections(plan).query("model == @model and group == @group and policy == @policy")
    if corpus != "all":
        chosen = chosen[chosen["corpus"] == corpus]
    rows = features(plan).query("model == @model and feature == @feature")
    rows = rows[rows["task"] == (group if feature == COSINE else "")]
    return chosen.merge(rows[["corpus", "text", "value"]], on=["corpus", "text"], suffixes=("", "_feature"), validate="one_to_one")


def test_the_light_table_holds_the_planned_texts_and_group_means(plan: dict) -> None:
    rows, study = features(plan), study_index(plan)
    assert set(zip(rows["model"], rows["corpus"], rows["text"], strict=True)) == {
        (run["model"], run["corpus"], run["text"]) for run in plan["runs"]
    }
    assert len(rows) == len(plan["runs"]) * (len(FEATURES) + len(study.splits) + 2)
    one = rows.query("model == 'big' and corpus == 'prose' and text == 3 and feature == 'cosine'").set_index("task")["value"]
    for group in ("dialogue", "classification"):
        assert one[group] == pytest.approx(np.mean([one[task] for task in study.tasks(group)]), abs=1e-15)


def test_every_cell_and_feature_has_a_row(plan: dict, table: pd.DataFrame) -> None:
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * 1 * 4 * 2 * 2 * (len(FEATURES) + 1)
    assert set(table["method"]) == {"up"} and set(table["policy"]) == {"best", "last"}
    assert not table.duplicated(["model", "method", "corpus", "group", "policy", "feature"]).any()
    assert set(table.loc[table["corpus"] == "all", "runs"]) == {15} and set(table.loc[table["corpus"] != "all", "runs"]) == {5}


@pytest.mark.parametrize("feature", ["nll", "extraction", COSINE])
@pytest.mark.parametrize("corpus", ["all", "prose"])
def test_rho_is_scipys_on_rows_joined_by_hand(plan: dict, table: pd.DataFrame, feature: str, corpus: str) -> None:
    joined = pairs(plan, "big", corpus, "dialogue", "last", feature)
    row = table.query("model == 'big' and corpus == @corpus and group == 'dialogue' and policy == 'last' and feature == @feature").iloc[0]
    assert row["rho"] == pytest.approx(stats.spearmanr(joined["value_feature"], joined["gain"]).statistic, abs=1e-6)
    if abs(row["rho"]) < 1:  # a perfect order has no interval
        assert row["low"] <= row["rho"] <= row["high"]
    assert 0 < row["p"] <= row["p_holm"] <= 1
    draws = np.random.default_rng(0).integers(0, len(joined), size=(1000, len(joined)))
    x, y = joined["value_feature"].to_numpy(), joined["gain"].to_numpy()
    slow = np.array([stats.spearmanr(x[draw], y[draw]).statistic for draw in draws if np.ptp(x[draw]) > 0 and np.ptp(y[draw]) > 0])
    np.testing.assert_allclose([row["low"], row["high"]], np.quantile(slow, [0.025, 0.975]), atol=0.15)


def test_within_corpora_ranks_are_taken_in_each(plan: dict, table: pd.DataFrame) -> None:
    joined = pairs(plan, "tiny", "all", "classification", "last", "nll")
    ranks = joined.groupby("corpus")[["value_feature", "gain"]].rank()
    centred = ranks - ranks.groupby(joined["corpus"]).transform("mean")
    expected = centred["value_feature"].corr(centred["gain"])
    row = table.query("model == 'tiny' and corpus == 'all' and group == 'classification' and policy == 'last' and feature == 'nll'").iloc[0]
    assert row["within_rho"] == pytest.approx(expected, abs=1e-6) and row["within_runs"] == 15
    assert row["within_low"] <= row["within_rho"] <= row["within_high"] and 0 < row["within_p"] <= row["within_p_holm"] <= 1
    assert table.loc[table["corpus"] != "all", [name for name in COLUMNS if name.startswith("within")]].isna().all(axis=None)


def test_a_constant_feature_has_no_correlation(table: pd.DataFrame) -> None:
    rows = table[table["feature"] == "tokens"]
    assert rows[["rho", "low", "high", "p", "p_holm", "within_rho"]].isna().all(axis=None) and (rows["runs"] > 0).all()
    assert set(rows.loc[rows["corpus"] == "all", "within_runs"]) == {0}


def made(
    gains: dict[str, list[float]], nll: dict[str, list[float]], methods: tuple[str, ...] = ("gap",)
) -> tuple[pd.DataFrame, pd.DataFrame, Any]:
    """Selections, features and view of one model; each further method has the gains of the first turned round."""
    runs = [{"model": "m", "method": method, "corpus": corpus, "text": text, "run": f"{method}{corpus}{text}"} for method in methods for corpus in gains for text in range(len(gains[corpus]))]  # fmt: skip
    chosen = [
        run | {"policy": policy, "group": "dialogue", "split": "validation", "step": 1, "value": 0.0, "baseline": 0.0,
               "gain": gains[run["corpus"]][run["text"]] * (1 if run["method"] == methods[0] else -1)}
        for run in runs for policy in ("best", "authors", "last")
    ]  # fmt: skip
    names = {"model": "m", "id": "i", "weights": "w", "basis": ""}
    rows = [
        names | {"corpus": corpus, "text": text, "feature": feature, "task": "", "value": value if feature == "nll" else float("nan")}
        for corpus, values in nll.items() for text, value in enumerate(values) for feature in FEATURES
    ]  # fmt: skip

    class Study:
        seed, groups, corpora = 1, ["dialogue"], {name: name for name in gains}

    Study.runs = tuple(runs)  # type: ignore[attr-defined]
    return pd.DataFrame(rows), pd.DataFrame(chosen), Study


def one(table: pd.DataFrame, corpus: str = "all", method: str = "gap", feature: str = "nll") -> pd.Series:
    rows = table.query("corpus == @corpus and method == @method and feature == @feature and policy == 'last'")
    assert len(rows) == 1
    return rows.iloc[0]


def test_methods_stand_apart_and_in_the_order_of_the_plan() -> None:
    rising = {"a": [0.1, 0.2, 0.3, 0.4, 0.5]}
    found = familiarity(*made(rising, {"a": [1.0, 2.0, 3.0, 4.0, 5.0]}, ("second", "first")))
    assert list(found["method"].drop_duplicates()) == ["second", "first"]
    assert one(found, method="second")["rho"] == pytest.approx(1) and one(found, method="first")["rho"] == pytest.approx(-1)
    assert set(found["runs"]) == {5, 0}  # the features that no text has leave no run


def test_a_relation_between_corpora_alone_is_told_from_one_within() -> None:
    gains = {"a": [0.4, 0.3, 0.2, 0.1], "b": [1.4, 1.3, 1.2, 1.1]}
    row = one(familiarity(*made(gains, {"a": [1.0, 2, 3, 4], "b": [11.0, 12, 13, 14]})))
    assert row["rho"] > 0.5 and row["within_rho"] == pytest.approx(-1)


def test_small_and_constant_corpora_are_left_out_within_and_empty_alone() -> None:
    gains = {"few": [0.1, 0.2, 0.3], "same": [0.0] * 5, "good": [0.1, 0.3, 0.2, 0.4]}
    nll = {"few": [1.0, 2, 3], "same": [1.0, 2, 3, 4, 5], "good": [1.0, 2, 3, 4]}
    found = familiarity(*made(gains, nll))
    for corpus in ("few", "same"):
        assert np.isnan([float(one(found, corpus)[name]) for name in ("rho", "low", "high", "p", "p_holm")]).all()
    assert one(found)["within_runs"] == 4 and one(found)["within_rho"] == pytest.approx(one(found, "good")["rho"]) == pytest.approx(0.8)
    assert one(found)["runs"] == 12


def test_a_perfect_order_has_no_interval_but_a_p_value() -> None:
    row = one(familiarity(*made({"a": [0.1, 0.2, 0.3, 0.4]}, {"a": [4.0, 3.0, 2.0, 1.0]})))
    assert row["rho"] == pytest.approx(-1) == row["within_rho"] and np.isnan([row[name] for name in ("low", "high", "within_low")]).all()
    assert row["p"] == pytest.approx(2 / 24, abs=0.03), "of 24 orders of four runs two are as extreme"


def test_texts_without_a_feature_are_left_out_of_it() -> None:
    found = familiarity(*made({"a": [0.1, 0.2, 0.3, 0.4, 0.0]}, {"a": [1.0, 2.0, 3.0, 4.0, float("nan")]}))
    assert one(found)["runs"] == 4 and one(found)["rho"] == pytest.approx(1)
    assert one(found, feature="entropy")["runs"] == 0 and np.isnan(one(found, feature="entropy")["rho"])


def test_intervals_do_not_move_when_a_cell_is_added() -> None:
    gains, nll = {"a": [0.3, 0.1, 0.4, 0.2, 0.5]}, {"a": [1.0, 2.0, 3.0, 4.0, 5.0]}
    alone = one(familiarity(*made(gains, nll)), "a")
    beside = one(familiarity(*made(gains | {"b": [0.1] * 5}, nll | {"b": [1.0] * 5})), "a")
    assert [alone[name] for name in ("low", "high", "p")] == [beside[name] for name in ("low", "high", "p")]


@pytest.mark.parametrize(("feature", "words"), [("nll", "no nll"), (COSINE, "no cosine")])
def test_a_missing_value_is_named(plan: dict, tmp_path: Path, feature: str, words: str) -> None:
    broken = copy.deepcopy(plan)
    rows = read_table(Path(plan["features"][0]), "text_features")
    drop = (rows["corpus"] == "code") & (rows["text"] == 1) & (rows["feature"] == feature)
    write_table(rows[~drop], tmp_path / "one.parquet", "text_features")
    broken["features"][0] = str(tmp_path / "one.parquet")
    with pytest.raises(BadInput, match=rf"model tiny, corpus code, text 1: {words}"):
        read_features(study_index(broken))


def test_a_text_that_stands_in_two_files_is_refused(plan: dict) -> None:
    with pytest.raises(BadInput, match="stands there twice"):
        read_features(study_index(plan | {"features": [*plan["features"], plan["features"][0]]}))
