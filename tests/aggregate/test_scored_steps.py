"""Where not every step is scored: the made-up study with ``evaluate.steps``, against the same with all of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic import build
from synthetic_plan import CONTROLLED

from gap.aggregate.stage import aggregate
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.tables import read_table, write_table
from gap.figures.data import load
from gap.figures.phrases import runs_text
from gap.report.limits import of_runs


def listed(document: dict[str, Any], folder: Path, steps: list[int]) -> dict[str, Any]:
    """The study with only these steps in its list, and with no others in its score tables; light outputs below ``folder``."""
    plan = copy.deepcopy(document)
    plan["study"]["evaluate"]["steps"] = steps
    plan["light"] = {name: str(folder / "light" / Path(path).name) for name, path in plan["light"].items()}
    for number, entry in enumerate(plan["scores"]):
        rows = read_table(Path(entry["path"]), "item_scores")
        entry["path"] = str(folder / f"{number}-{Path(entry['path']).name}")
        write_table(rows[rows["step"].isin([0, *steps])], Path(entry["path"]), "item_scores")
    aggregate(plan)
    return plan


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    document = read_json(build(tmp_path_factory.mktemp("whole"), CONTROLLED))
    aggregate(document)
    return document


@pytest.fixture(scope="module")
def some(whole: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Steps 1, 3 and 6 of 7; the run that diverges has 2, so only step 1."""
    return listed(whole, tmp_path_factory.mktemp("some"), [1, 3, 6])


def light(plan: dict[str, Any], name: str) -> pd.DataFrame:
    path = Path(plan["light"][name])
    return read_table(path, name) if path.suffix == ".parquet" else pd.read_csv(path)


def test_scores_are_those_of_the_whole_study_and_trajectories_keep_all_updates(whole: dict[str, Any], some: dict[str, Any]) -> None:
    scores = light(whole, "run_scores")
    pd.testing.assert_frame_equal(light(some, "run_scores"), scores[scores["step"].isin([0, 1, 3, 6])].reset_index(drop=True))
    pd.testing.assert_frame_equal(light(some, "trajectories"), light(whole, "trajectories"))


def test_policies_pick_true_step_numbers_among_the_scored(some: dict[str, Any]) -> None:
    selections, scores = light(some, "selections"), light(some, "run_scores")
    value = scores[scores["metric"] != "nll"].set_index(["model", "run", "step", "task"])["value"]
    diverged = set(light(some, "plot_runs").query("diverged")["run"])
    assert len(diverged) == 1
    for row in selections.itertuples():
        steps = [step for step in (1, 3, 6) if (row.model, row.run, step, row.group) in value.index]
        assert steps == ([1] if row.run in diverged else [1, 3, 6])
        curve = {0: value[row.model, "base", 0, row.group]} | {step: value[row.model, row.run, step, row.group] for step in steps}
        assert row.value == pytest.approx(curve[row.step], abs=1e-12)
        assert row.gain == pytest.approx(row.value - curve[0], abs=1e-11)
        if row.policy == "last":
            assert row.step == steps[-1]
        if row.policy == "best":
            assert row.value == pytest.approx(max(curve.values()), abs=1e-11)


def test_rows_per_task_follow_the_chosen_steps(some: dict[str, Any]) -> None:
    estimates, selections, scores = light(some, "estimates"), light(some, "selections"), light(some, "run_scores")
    value = scores[scores["task"] == "piqa"].set_index(["model", "run", "step"])["value"]
    chosen = selections.query("model == 'tiny' and method == 'up' and group == 'classification' and policy == 'last'")
    gains = [value["tiny", row.run, row.step] - value["tiny", "base", 0] for row in chosen.itertuples()]
    row = estimates.query("model == 'tiny' and method == 'up' and corpus == 'all' and task == 'piqa' and policy == 'last'").iloc[0]
    assert row["mean_gain"] == pytest.approx(sum(gains) / len(gains), abs=1e-6)


def test_distances_are_those_of_the_last_scored_step(some: dict[str, Any]) -> None:
    runs, rows = light(some, "plot_runs"), light(some, "contrasts")
    scored = runs["steps"].map(lambda steps: max(step for step in (1, 3, 6) if step <= steps))
    assert set(runs["steps"]) == {2, 7} and runs["distance"].tolist() == pytest.approx((0.08 * scored).tolist(), abs=1e-6)
    assert set(rows["distance"].round(6)) == {0.48} and set(rows["trained_distance"].round(6)) == {0.6}


def test_the_curve_has_the_scored_steps_at_their_numbers(whole: dict[str, Any], some: dict[str, Any]) -> None:
    steps, every = light(some, "plot_steps"), light(whole, "plot_steps")
    pd.testing.assert_frame_equal(steps, every[every["step"].isin([0, 1, 3, 6])].reset_index(drop=True))


def test_a_run_that_reaches_no_listed_step_is_the_unmodified_model(whole: dict[str, Any], tmp_path: Path) -> None:
    plan = listed(whole, tmp_path, [4, 6])
    runs, selections = light(plan, "plot_runs"), light(plan, "selections")
    lost = runs[runs["diverged"]].iloc[0]
    mine = selections[selections["run"] == lost["run"]]
    assert set(mine["step"]) == {0} and set(mine["gain"]) == {0.0} and lost["distance"] == 0.0


def test_what_is_missing_or_beside_the_list(whole: dict[str, Any], tmp_path: Path) -> None:
    plan = listed(whole, tmp_path, [1, 3])
    plan["study"]["evaluate"]["steps"] = [3]  # a table that holds more is read for what is asked
    aggregate(plan)
    assert set(light(plan, "run_scores")["step"]) == {0, 3}
    plan["study"]["evaluate"]["steps"] = [3, 5]
    with pytest.raises(BadInput, match=r"step 5 .*no scores"):
        aggregate(plan)


def test_captions_and_limits_say_which(whole: dict[str, Any], some: dict[str, Any]) -> None:
    assert runs_text(load(some)).endswith("at most 7 updates per run, scored at steps 1, 3, 6")
    assert runs_text(load(whole)).endswith("at most 7 updates per run")
    assert sum("only 1, 3, 6 of each run" in sentence for sentence in of_runs(load(some), {})) == 1
    assert not any("Not every step" in sentence for sentence in of_runs(load(whole), {}))
