"""The stage on files: a made-up study, what it reads of it and what it writes; and the time it takes at the paper's size."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import build
from synthetic_plan import CONTROLLED

from gap.aggregate.stage import aggregate
from gap.aggregate.study_index import study_index
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.tables import TABLES, read_table, write_table
from gap.estimate.cubes import read_cubes
from gap.estimate.stage import MAKERS, estimate
from gap.plan.stages.estimate import TABLES as PLANNED


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    document = read_json(build(tmp_path_factory.mktemp("study"), CONTROLLED))
    aggregate(document)
    estimate(document)
    return document


def test_every_table_is_written_and_planned(plan: dict[str, Any]) -> None:
    assert set(MAKERS) == set(PLANNED) <= set(TABLES)
    for name in MAKERS:
        rows = read_table(Path(plan["light"][name]), name)
        assert len(rows) and {"tiny", "big"} == set(rows["model"])


def test_scores_stand_where_they_belong(plan: dict[str, Any]) -> None:
    """Against pandas, on every row of every file: what is not planned is nowhere."""
    study = study_index(plan)
    cubes, bases = read_cubes(study, read_table(study.path("selections"), "selections"))
    items = pd.concat(
        read_table(Path(entry["path"]), "item_scores") for entry in plan["scores"] if entry["task"] in ("piqa", "blended_skill_talk")
    )
    items["value"] = np.where(items["gold"] >= 0, items["correct"], items["f1"]) * 100.0
    for (model, _), cube in cubes.items():
        for task in ("piqa", "blended_skill_talk"):
            rows = items[(items["model"] == model) & (items["task"] == task) & (items["item"] < study.items)]
            base = rows[rows["run"] == "base"].sort_values("item")["value"]
            assert np.allclose(bases[model][task], base)
            for at, run in enumerate(cube.runs):
                mine = rows[(rows["run"] == run["run"]) & rows["step"].isin(cube.steps)]
                expected = mine.pivot(index="step", columns="item", values="value").reindex(cube.steps[1:]).to_numpy()
                assert np.allclose(cube.scores[task][at, 1:], expected, equal_nan=True) and np.allclose(cube.scores[task][at, 0], base)


def test_steps_of_a_study_that_once_tried_more_updates_do_not_count(tmp_path: Path) -> None:
    """Files keep the scores of later steps; a skipped update leaves room for one below the number of updates, another method for more."""
    shape = replace(CONTROLLED, subjects={"tiny": "0.2M"}, corpora=("seen",), texts=2, updates=4, items=6, skipped=1)
    document = read_json(build(tmp_path, shape))
    for entry in document["methods"]:
        entry["updates"] -= 2 * (entry["name"] == "down")
    aggregate(document)
    scores = read_table(Path(document["light"]["run_scores"]), "run_scores").groupby("run")["step"].max().to_dict()
    study = study_index(document)
    cubes, _ = read_cubes(study, read_table(study.path("selections"), "selections"))
    for cube in cubes.values():
        assert [cube.steps[reached].max() for reached in cube.reached] == [scores[run["run"]] for run in cube.runs]
    assert set(scores.values()) == {0, 1, 2, 3}


def test_a_group_that_the_first_split_lacks_has_no_steps_to_report(tmp_path: Path) -> None:
    """Classification has a validation split alone: nothing of it was chosen on the test split."""
    tasks = ("piqa", "blended_skill_talk", "wizard_of_wikipedia")
    shape = replace(CONTROLLED, subjects={"tiny": "0.2M"}, corpora=("seen",), texts=2, updates=2, items=6, tasks=tasks)
    document = read_json(build(tmp_path, replace(shape, splits=("test", "validation"))))
    for path in map(Path, document["features"]):
        write_table(read_table(path, "text_features").query("task != 'piqa'"), path, "text_features")
    aggregate(document)
    estimate(document)
    rows = read_table(Path(document["light"]["effects"]), "effects").query("policy == 'validation_test'")
    assert set(rows["task"]) == {"blended_skill_talk", "wizard_of_wikipedia", "dialogue"}


def test_means_agree_with_the_tables_of_the_aggregate_stage(plan: dict[str, Any]) -> None:
    found = read_table(Path(plan["light"]["effects"]), "effects")
    theirs = pd.read_csv(plan["light"]["estimates"])
    merged = (
        theirs.replace({"task": {"average": None}})
        .assign(task=lambda rows: rows["task"].fillna(rows["group"]))
        .merge(found, on=["model", "method", "corpus", "policy", "task"])
    )
    assert len(merged) > 50
    assert np.allclose(merged["mean_gain"] * 100, merged["difference"], atol=2e-4)
    assert (merged["runs_x"] == merged["runs_y"]).all()


def test_verdicts_name_every_claim_model_and_reading(plan: dict[str, Any]) -> None:
    found = json.loads(Path(plan["light"]["verdicts"]).read_text())
    assert set(found["claims"]) == {"gain", "larger", "corpora", "steps"}
    for claim in found["claims"].values():
        assert set(claim["models"]) == {"tiny", "big"}
        for by_reading in claim["models"].values():
            assert set(by_reading) == {"all", "without texts 0"}
            assert all(row["verdict"] in ("supported", "not supported", "undecided") and row["reason"] for row in by_reading.values())


def test_without_rules_nothing_is_judged(plan: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"preregistration\.yaml.*no rules"):
        estimate(plan | {"settings": {"preregistration": {}}})


def test_the_stage_needs_no_torch() -> None:
    program = "import sys, gap.estimate.stage; print({'torch', 'transformers', 'matplotlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_steps_chosen_on_validation_are_reported_on_test(tmp_path: Path) -> None:
    """Dialogue alone has a test split here; against pandas."""
    tasks = ("piqa", "blended_skill_talk", "wizard_of_wikipedia")
    shape = replace(CONTROLLED, subjects={"tiny": "0.2M"}, corpora=("seen",), splits=("validation", "test"), items=12, tasks=tasks)
    document = read_json(build(tmp_path, shape))
    aggregate(document)
    estimate(document)
    found = (
        read_table(Path(document["light"]["effects"]), "effects").query("policy == 'validation_test' and method == 'up'").set_index("task")
    )
    assert set(found.index) == {"blended_skill_talk", "wizard_of_wikipedia", "dialogue"}
    scores = read_table(Path(document["light"]["run_scores"]), "run_scores")
    scores = scores[(scores["split"] == "test") & (scores["metric"] == "f1") & (scores["task"] == "dialogue") & (scores["model"] == "tiny")]
    value = scores.set_index(["run", "step"])["value"].to_dict()
    chosen = read_table(Path(document["light"]["selections"]), "selections").query(
        "policy == 'best' and group == 'dialogue' and method == 'up'"
    )
    at = [value[(run, step) if step else ("base", 0)] for run, step in zip(chosen["run"], chosen["step"], strict=True)]
    assert found.loc["dialogue", "difference"] == pytest.approx(100 * (np.mean(at) - value["base", 0]), abs=1e-3)


def test_an_unknown_policy_in_the_rules_is_named(plan: dict[str, Any]) -> None:
    rules = json.loads(json.dumps(plan["settings"]["preregistration"]))
    rules["gain"]["policy"] = "luck"
    with pytest.raises(BadInput, match=r"'luck'.*split_half"):
        estimate(plan | {"settings": {"preregistration": rules}})
