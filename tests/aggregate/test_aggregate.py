"""The stage on the made-up study, against an independent computation from the raw rows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import build
from synthetic_plan import TASK_NAMES, Shape

from gap.aggregate.stage import aggregate
from gap.core.files import read_json
from gap.core.tables import read_table
from gap.tasks.registry import TASKS


@pytest.fixture(scope="module")
def plan(plan_path: Path) -> dict:
    document = read_json(plan_path)
    aggregate(document)
    return document


def light(plan: dict, name: str) -> pd.DataFrame:
    path = Path(plan["light"][name])
    return read_table(path, name) if path.suffix == ".parquet" else pd.read_csv(path)


def raw(plan: dict, model: str, task: str) -> pd.DataFrame:
    """The item rows that count, all files together."""
    files = [Path(entry["path"]) for entry in plan["scores"] if entry["model"] == model and entry["task"] == task]
    rows = pd.concat([read_table(path, "item_scores") for path in files])
    planned = {run["run"] for run in plan["runs"]} | {"base"}
    return rows[(rows["item"] < plan["study"]["evaluate"]["items"]) & rows["run"].isin(planned)]


def test_run_scores_equal_plain_means(plan: dict) -> None:
    scores = light(plan, "run_scores").set_index(["model", "run", "step", "task", "metric"])["value"]
    for task, column, metric in (("piqa", "correct", "acc"), ("copa", "correct", "acc"), ("blended_skill_talk", "f1", "f1")):
        for (run, step), rows in raw(plan, "tiny", task).groupby(["run", "step"]):
            if step <= 7:
                assert scores["tiny", run, step, task, metric] == pytest.approx(rows[column].mean(), abs=1e-12)
    rows = raw(plan, "big", "wizard_of_wikipedia")
    for (run, step), part in rows[rows["step"] <= 7].groupby(["run", "step"]):
        wanted = part["nll"].sum() / part["tokens"].sum()
        assert scores["big", run, step, "wizard_of_wikipedia", "nll"] == pytest.approx(wanted, abs=1e-12)


def test_averages_are_unweighted(plan: dict) -> None:
    scores = light(plan, "run_scores")
    wide = scores[scores["metric"] != "nll"].pivot(index=["model", "run", "step"], columns="task", values="value")
    groups = {group: [task for task in plan["study"]["tasks"] if TASKS[task].group == group] for group in ("classification", "dialogue")}
    for group, tasks in groups.items():
        np.testing.assert_allclose(wide[group], wide[tasks].mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(wide["all"], (wide["classification"] + wide["dialogue"]) / 2, atol=1e-12)
    items = scores.set_index(["task", "metric"])["items"]
    assert set(items["copa", "acc"]) == {8}
    assert set(items["classification", "acc"]) == {24 * 3 + 8}
    assert set(scores.loc[scores["task"] == "all", "metric"]) == {"mean"}


def test_only_the_plan_is_kept(plan: dict) -> None:
    trajectories, scores, texts = (light(plan, name) for name in ("trajectories", "run_scores", "texts"))
    planned = {run["run"] for run in plan["runs"]}
    assert set(trajectories["run"]) == planned
    assert trajectories["epoch"].max() == 7
    assert set(scores["run"]) == planned | {"base"}
    assert scores["step"].max() == 7
    assert list(texts["text"]) == [0, 1, 2, 3, 4] * 3
    base = scores[scores["run"] == "base"]
    assert list(base["model"].drop_duplicates()) == ["tiny", "big", "huge"]
    assert set(base["step"]) == {0}
    assert not scores.duplicated(["model", "run", "step", "task", "split", "metric"]).any()


def test_a_model_may_be_named_like_a_task(tmp_path: Path) -> None:
    """Rows stand in the order of the models, and of the tasks, whatever their names."""
    shape = Shape(subjects={"piqa": "0.2M", "tiny": "0.5M"}, reference={"huge": "1.2M"}, corpora=("seen",), texts=1)
    document = read_json(build(tmp_path, shape))
    aggregate(document)
    scores = light(document, "run_scores")
    assert list(scores["model"].drop_duplicates()) == ["piqa", "tiny", "huge"]
    for _, part in scores.groupby("model"):
        assert list(part["task"].drop_duplicates()) == [*TASK_NAMES, "classification", "dialogue", "all"]


def test_a_diverged_run_ends_at_its_last_real_step(plan: dict) -> None:
    selections, runs = light(plan, "selections"), light(plan, "plot_runs")
    diverged = runs[runs["diverged"]]
    assert list(diverged["steps"]) == [2]
    mine = selections[(selections["run"] == diverged["run"].iloc[0]) & (selections["policy"] == "last")]
    assert set(mine["step"]) == {2}


def test_selections(plan: dict) -> None:
    selections, scores = light(plan, "selections"), light(plan, "run_scores")
    assert len(selections) == len(plan["runs"]) * 2 * 3
    value = scores[scores["metric"] != "nll"].set_index(["model", "run", "step", "task"])["value"]
    for row in selections.itertuples():
        base = value[row.model, "base", 0, row.group]
        curve = [
            base,
            *(value[row.model, row.run, step, row.group] for step in range(1, 8) if (row.model, row.run, step, row.group) in value.index),
        ]
        assert row.value == pytest.approx(curve[row.step], abs=1e-12)
        assert row.gain == pytest.approx(row.value - base, abs=1e-11)
        if row.policy == "best":
            assert row.step == int(np.argmax(np.round(curve, 12)))
        if row.policy == "last":
            assert row.step == len(curve) - 1
    assert (selections.loc[selections["policy"] == "best", "gain"] >= 0).all()


def test_estimates(plan: dict) -> None:
    estimates, selections = light(plan, "estimates"), light(plan, "selections")
    row = estimates.query("model == 'big' and corpus == 'code' and group == 'dialogue' and task == 'average' and policy == 'last'").iloc[0]
    mine = selections.query("model == 'big' and corpus == 'code' and group == 'dialogue' and policy == 'last'")
    assert row["runs"] == 5
    assert row["mean"] == pytest.approx(mine["value"].mean(), abs=1e-6)
    assert row["median"] == pytest.approx(mine["value"].median(), abs=1e-6)
    assert row["best"] == pytest.approx(mine["value"].max(), abs=1e-6)
    assert row["mean_gain"] == pytest.approx(mine["gain"].mean(), abs=1e-6)
    assert row["share_above"] == pytest.approx((mine["gain"] > 0).mean(), abs=1e-6)
    assert row["low"] < row["mean_gain"] < row["high"]
    assert set(estimates["corpus"]) == {"all", "seen", "prose", "code"}
    pooled = estimates.query("corpus == 'all' and task == 'average'")
    assert set(pooled["runs"]) == {15}
    assert len(pooled) == 2 * 2 * 3
    tasks = estimates.query("task != 'average'")
    assert set(tasks["policy"]) == {"best", "last"}
    assert len(tasks) == 2 * 4 * 6 * 2


def test_the_task_rows_follow_the_groups_choice(plan: dict) -> None:
    estimates, selections, scores = light(plan, "estimates"), light(plan, "selections"), light(plan, "run_scores")
    value = scores[(scores["task"] == "piqa")].set_index(["model", "run", "step"])["value"]
    chosen = selections.query("model == 'tiny' and group == 'classification' and policy == 'best'")
    wanted = [value["tiny", row.run if row.step else "base", row.step] - value["tiny", "base", 0] for row in chosen.itertuples()]
    row = estimates.query("model == 'tiny' and corpus == 'all' and task == 'piqa' and policy == 'best'").iloc[0]
    assert row["mean_gain"] == pytest.approx(np.mean(wanted), abs=1e-6)


def test_metrics_are_few_flat_and_of_all_corpora(plan: dict) -> None:
    found = json.loads(Path(plan["light"]["metrics"]).read_text())
    estimates = light(plan, "estimates").query("corpus == 'all' and task == 'average'").set_index(["model", "group", "policy"])
    assert sorted(found) == ["big", "tiny"]
    for model, numbers in found.items():
        assert len(numbers) == 9 and numbers["runs"] == 15
        for group in ("dialogue", "classification"):
            best, last = estimates.loc[(model, group, "best")], estimates.loc[(model, group, "last")]
            assert numbers[f"{group}_baseline"] == pytest.approx(best["baseline"], abs=1e-6)
            assert numbers[f"{group}_gap"] == pytest.approx(best["mean"], abs=1e-6)
            assert numbers[f"{group}_difference"] == pytest.approx(best["mean_gain"], abs=1e-6)
            assert numbers[f"{group}_difference_last"] == pytest.approx(last["mean_gain"], abs=1e-6)


def test_plots(plan: dict) -> None:
    steps, runs, training = (light(plan, f"plot_{name}") for name in ("steps", "runs", "pretraining"))
    assert list(steps["series"].drop_duplicates())[:2] == ["0.2M seen text", "0.2M unseen prose"]
    assert list(steps.query("model == 'tiny' and corpus == 'seen'")["runs"]) == [5, 5, 5, 4, 4, 4, 4, 4]
    scores = light(plan, "run_scores").query("task == 'dialogue' and metric == 'f1' and model == 'big' and corpus == 'prose' and step == 3")
    assert steps.query("model == 'big' and corpus == 'prose' and step == 3")["dialogue"].item() == pytest.approx(
        scores["value"].mean(), abs=1e-6
    )
    assert len(runs) == len(plan["runs"])
    assert list(training["model"].drop_duplicates()) == ["tiny", "big", "huge"]


def test_the_loss_is_that_at_the_step(plan: dict) -> None:
    trajectories = light(plan, "trajectories").query("model == 'big' and corpus == 'prose'")
    steps = light(plan, "plot_steps").query("model == 'big' and corpus == 'prose'").set_index("step")["loss"]
    assert steps[0] == pytest.approx(trajectories.query("epoch == 1")["loss"].mean(), abs=1e-6)
    assert steps[3] == pytest.approx(trajectories.query("epoch == 4")["loss"].mean(), abs=1e-6)
    assert np.isnan(steps[7])


def test_the_same_inputs_give_the_same_bytes(plan: dict, tmp_path: Path) -> None:
    names = [name for name in plan["light"] if Path(plan["light"][name]).is_file() and name not in ("overlap", "boundary", "noise")]
    again = plan | {"light": {name: str(tmp_path / f"{name}{Path(path).suffix}") for name, path in plan["light"].items()}}
    aggregate(again)
    assert len(names) >= 9
    for name in names:
        one, other = (hashlib.sha256(Path(place["light"][name]).read_bytes()).hexdigest() for place in (plan, again))
        assert one == other, name
