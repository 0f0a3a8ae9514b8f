"""The freshness contract where some is there and more is asked for, or something is lost: only the rest is computed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from .conftest import RULES_LIGHT, Workspace
from .test_freshness import METRICS

pytestmark = [pytest.mark.workflow, pytest.mark.usefixtures("preloaded")]


def scores(workspace: Workspace) -> pd.DataFrame:
    """The item scores that plan.json names, without the second text."""
    plan = json.loads(workspace.read("results/tiny/plan.json"))
    frame = pd.concat([pd.read_parquet(workspace.folder / entry["path"]) for entry in plan["scores"]])
    first = {row["run"] for row in plan["runs"] if row["text"] == 0} | {"base"}
    return frame[frame["run"].astype(str).isin(first)][["run", "step", "task", "item", "prediction"]].astype({"run": str, "task": str})


def test_asking_for_more_computes_only_what_is_new(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    workspace.edit(studies__tiny__gap__texts=3)
    planned = workspace.planned()
    assert planned["post_train"] == 1 and planned["evaluate_runs"] == 1 and planned["sample_corpus"] == 1
    assert not {"build_model", "build_tokenizer", "evaluate_base", "fetch_items"} & set(planned)

    workspace.edit(studies__tiny__gap__texts=2, studies__tiny__tasks=["copa", "blended_skill_talk", "piqa"])
    planned = workspace.planned()
    assert planned["evaluate_runs"] == 1 and planned["fetch_items"] == 1
    assert not {"build_model", "build_tokenizer", "post_train", "sample_corpus"} & set(planned)

    workspace.edit(studies__tiny__tasks=["copa", "blended_skill_talk"], studies__tiny__evaluate__items=40)
    planned = workspace.planned()
    assert planned["evaluate_runs"] == 1
    assert not {"build_model", "build_tokenizer", "post_train", "sample_corpus", "fetch_items"} & set(planned)
    before = scores(workspace)
    workspace.evaluate()
    after = scores(workspace)
    assert len(before) == 2 * 3 * 2 * 8 // 2 and len(after) == 40 * 3 * 2
    both = before.merge(after, on=["run", "step", "task", "item"])
    assert len(both) == len(before) and (both["prediction_x"] == both["prediction_y"]).all()


def test_a_list_of_steps_names_other_tables_and_takes_what_is_there(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    whole = scores(workspace)
    workspace.edit(studies__tiny__evaluate__steps=[2])
    planned = workspace.planned()
    assert set(planned) == {"evaluate_runs"} | RULES_LIGHT and planned["evaluate_runs"] == 1
    workspace.evaluate()
    pd.testing.assert_frame_equal(scores(workspace).reset_index(drop=True), whole[whole["step"] != 1].reset_index(drop=True))
    paths = [entry["path"] for entry in json.loads(workspace.read("results/tiny/plan.json"))["scores"]]
    records = [json.loads((workspace.folder / path).with_suffix(".provenance.json").read_text()) for path in paths]
    assert {record["inputs"]["device"] for record in records} == {"not needed"}, "all rows were there"
    assert set(workspace.planned()) <= RULES_LIGHT
    workspace.edit(studies__tiny__evaluate__steps=[])
    assert set(workspace.planned()) <= RULES_LIGHT


def test_a_job_of_several_tasks_scores_only_the_table_that_is_missing(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    tasks = ["copa", "blended_skill_talk", "piqa"]
    workspace.edit(studies__tiny__jobs__tasks_per_job=12, studies__tiny__tasks=tasks)
    planned = workspace.planned()
    assert planned["evaluate_runs"] == 1 and planned["fetch_items"] == 1 and "post_train" not in planned
    old = {path: path.read_bytes() for path in (workspace.folder / "results/tiny/scores").rglob("*-texts-*") if path.is_file()}
    workspace.evaluate()
    assert old and all(path.read_bytes() == content for path, content in old.items())
    [table] = {path for path in (workspace.folder / "results/tiny/scores").rglob("*-texts-*.parquet")} - old.keys()
    record = json.loads(table.with_suffix(".provenance.json").read_text())
    assert record["settings"]["task"] == "piqa" and record["inputs"]["replayed"]["runs"] == 2
    assert "evaluate_runs" not in workspace.planned()


def test_a_job_per_task_gives_the_scores_that_a_job_of_several_gives_which_replays_each_run_once(
    finished: Workspace, tmp_path: Path
) -> None:
    records = [json.loads(path.read_text()) for path in (finished.folder / "results/tiny/scores").rglob("*-texts-*.provenance.json")]
    assert {record["settings"]["task"] for record in records} == {"copa", "blended_skill_talk"}
    assert [record["inputs"]["replayed"]["runs"] for record in records] == [2, 2]

    workspace = finished.copy(tmp_path / "project")
    shutil.rmtree(workspace.folder / "results/tiny/scores")
    workspace.edit(studies__tiny__jobs__tasks_per_job=1)
    assert workspace.planned()["evaluate_runs"] == 2
    workspace.snakemake("--quiet", "rules", "--until", "aggregate")
    assert workspace.read(METRICS) == finished.read(METRICS)


def test_a_damaged_workspace_mends_itself(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    plan = json.loads(workspace.read("results/tiny/plan.json"))
    lost = next(entry["path"] for entry in plan["scores"] if "texts-" in entry["path"])
    before = pd.read_parquet(workspace.folder / lost)
    (workspace.folder / lost).unlink()
    assert workspace.planned()["evaluate_runs"] == 1
    workspace.evaluate()
    pd.testing.assert_frame_equal(pd.read_parquet(workspace.folder / lost), before)


@pytest.mark.nightly
def test_lost_and_flipped_weights_are_made_again(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    [weights] = (workspace.folder / "data/tiny/models").glob("pico-*/model.safetensors")
    whole = weights.read_bytes()
    weights.unlink()
    assert set(workspace.planned()) - RULES_LIGHT == {"build_model"}
    workspace.snakemake("--quiet", "rules", "--until", "build_model")
    assert weights.read_bytes() == whole and set(workspace.planned()) <= RULES_LIGHT

    flipped = bytearray(whole)
    flipped[-3] ^= 4
    weights.unlink()  # a link of DVC's may be shared
    weights.write_bytes(bytes(flipped))
    workspace.edit(studies__tiny__gap__texts=3)
    said = workspace.snakemake("--quiet", "rules", code=1)
    assert "model.safetensors: changed since it was made" in said and "Remove the file and run again" in said
    weights.unlink()
    workspace.snakemake("--quiet", "rules")
    assert weights.read_bytes() == whole and workspace.planned() == {}
