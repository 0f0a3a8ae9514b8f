"""What is missing or wrong is named: model, task, run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gap.aggregate.scores import read_scores
from gap.aggregate.study_index import StudyIndex, study_index
from gap.aggregate.texts import read_texts
from gap.aggregate.trajectories import last_steps, read_trajectories
from gap.core.errors import BadInput
from gap.core.tables import read_table, write_table


@pytest.fixture
def plan(plan_path: Path) -> dict:
    return json.loads(plan_path.read_text())


def scores(plan: dict) -> None:
    study = study_index(plan)
    read_scores(study, last_steps(read_trajectories(study)))


def changed(plan: dict, tmp_path: Path, table: str, change: Callable[[pd.DataFrame], pd.DataFrame], **which: str) -> None:
    """Point the plan at a changed copy of the first matching file (a trajectory file when nothing is asked for)."""
    if table == "trajectories":
        rows = read_table(Path(plan["trajectories"][0]), table)
        plan["trajectories"][0] = str(tmp_path / "changed.parquet")
    else:
        entry = next(entry for entry in plan["scores"] if which.items() <= entry.items() and not entry["path"].endswith("@base.parquet"))
        rows = read_table(Path(entry["path"]), table)
        entry["path"] = str(tmp_path / "changed.parquet")
    write_table(change(rows), tmp_path / "changed.parquet", table)


def test_complete(plan: dict) -> None:
    scores(plan)


def test_a_missing_step_is_named(plan: dict, tmp_path: Path) -> None:
    run = plan["runs"][0]
    changed(plan, tmp_path, "item_scores", lambda rows: rows[(rows["run"] != run["run"]) | (rows["step"] != 2)], model="tiny", task="copa")
    with pytest.raises(
        BadInput, match=rf"model tiny, task copa \(validation\), run {run['run']}, step 2 \(corpus seen, text 0\): no scores"
    ):
        scores(plan)


def test_a_missing_item_is_named(plan: dict, tmp_path: Path) -> None:
    changed(plan, tmp_path, "item_scores", lambda rows: rows[(rows["step"] != 1) | (rows["item"] != 3)], model="big", task="piqa")
    with pytest.raises(BadInput, match=r"model big, task piqa .* step 1 .*23 items up to number 23.*items 0 to 23 of the unmodified"):
        scores(plan)


def test_an_item_twice(plan: dict, tmp_path: Path) -> None:
    changed(plan, tmp_path, "item_scores", lambda rows: pd.concat([rows, rows[rows["item"] == 5]]), model="big", task="piqa")
    with pytest.raises(BadInput, match=r"item 5 of run .* twice"):
        scores(plan)


def test_a_run_in_two_files(plan: dict) -> None:
    entry = next(entry for entry in plan["scores"] if entry["path"].endswith("@0.parquet"))
    plan["scores"].append(dict(entry))
    with pytest.raises(BadInput, match="scores in two files"):
        scores(plan)


def test_another_models_file(plan: dict, tmp_path: Path) -> None:
    changed(plan, tmp_path, "item_scores", lambda rows: rows.assign(model="big"), model="tiny", task="copa")
    with pytest.raises(BadInput, match="column model: 'big'"):
        scores(plan)


def test_no_score_of_the_unmodified_model(plan: dict, tmp_path: Path) -> None:
    changed(plan, tmp_path, "item_scores", lambda rows: rows[rows["run"] != "base"], model="tiny", task="piqa")
    with pytest.raises(BadInput, match=r"model tiny, task piqa .* run base, step 0: no scores"):
        scores(plan)


def test_a_nan_is_not_averaged_away(plan: dict, tmp_path: Path) -> None:
    changed(plan, tmp_path, "item_scores", lambda rows: rows.assign(f1=float("nan")), model="tiny", task="blended_skill_talk")
    with pytest.raises(BadInput, match="column f1: NaN"):
        scores(plan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows, run: rows[rows["run"] != run], r"corpus seen, text 0 \(run .*\): no rows"),
        (lambda rows, run: rows[(rows["run"] != run) | (rows["epoch"] < 5)], "updates up to 4"),
        (lambda rows, run: rows[(rows["run"] != run) | (rows["epoch"] != 2)], "7 rows from update 0 to 7"),
        (lambda rows, run: pd.concat([rows, rows[rows["run"] == run]]), "16 rows from update 0 to 7"),
    ],
)
def test_incomplete_trajectories(plan: dict, tmp_path: Path, change: Callable, message: str) -> None:
    run = plan["runs"][0]["run"]
    changed(plan, tmp_path, "trajectories", lambda rows: change(rows, run))
    with pytest.raises(BadInput, match=message):
        read_trajectories(study_index(plan))


def test_a_missing_text(plan: dict, tmp_path: Path) -> None:
    entry = plan["corpora"][1]
    rows = read_table(Path(entry["path"]), "texts")
    entry["path"] = str(tmp_path / "texts.parquet")
    write_table(rows[rows["text"] != 3], tmp_path / "texts.parquet", "texts")
    with pytest.raises(BadInput, match=r"corpus prose\): no text 3"):
        read_texts(study_index(plan))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda plan: plan.pop("runs"), "no usable entry 'runs'"),
        (lambda plan: plan["study"]["tasks"].append("chess") or plan["items"].update(chess={"validation": "x"}), "unknown task 'chess'"),
        (lambda plan: plan["study"]["evaluate"].update(splits=["test"]), "no task with the split 'test'"),
        (lambda plan: plan["runs"][0].update(method="other"), "runs of the method 'other'"),
        (lambda plan: plan["corpora"][0].update(name="all"), "a corpus named 'all'"),
    ],
)
def test_a_bad_plan(plan: dict, change: Callable, message: str) -> None:
    change(plan)
    with pytest.raises(BadInput, match=message):
        study_index(plan)


def test_models_keep_the_studys_order(plan: dict) -> None:
    study: StudyIndex = study_index(plan)
    assert list(plan["models"]) == ["big", "huge", "tiny"]
    assert list(study.models) == ["tiny", "big", "huge"]
    assert list(study.subjects) == ["tiny", "big"]
    assert study.groups == ["dialogue", "classification"]
