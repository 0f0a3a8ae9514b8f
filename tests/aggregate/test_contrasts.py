"""Several methods in one study, and their comparison text by text, against plain pandas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import build
from synthetic_plan import CONTROLLED

from gap.aggregate.contrasts import contrasts
from gap.aggregate.stage import aggregate
from gap.aggregate.study_index import study_index
from gap.core.files import read_json
from gap.core.tables import read_table


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    document = read_json(build(tmp_path_factory.mktemp("controlled"), CONTROLLED))
    aggregate(document)
    return document


def light(plan: dict[str, Any], name: str) -> pd.DataFrame:
    path = Path(plan["light"][name])
    return read_table(path, name) if path.suffix == ".parquet" else pd.read_csv(path)


def test_the_first_method_is_the_studys_own_whatever_its_name(plan: dict[str, Any]) -> None:
    assert study_index(plan).primary == "up" and list(study_index(plan).methods) == ["up", "down"]


def test_a_difference_is_taken_on_the_same_texts(plan: dict[str, Any]) -> None:
    selections, rows = light(plan, "selections"), light(plan, "contrasts")
    assert list(rows["method"].unique()) == ["down"] and len(rows) == 2 * 2 * 2
    for row in rows.itertuples():
        mine = selections[(selections["model"] == row.model) & (selections["group"] == row.group) & (selections["policy"] == row.policy)]
        wide = mine.pivot(index=["corpus", "text"], columns="method", values="gain").dropna()
        assert row.pairs == len(wide) == 6
        assert row.difference == pytest.approx((wide["down"] - wide["up"]).mean(), abs=1e-6)
        assert (row.mean_gain, row.own_gain) == (
            pytest.approx(wide["down"].mean(), abs=1e-6),
            pytest.approx(wide["up"].mean(), abs=1e-6),
        )
        assert row.share_above == pytest.approx((wide["down"] > wide["up"]).mean(), abs=1e-6)
        assert row.low <= row.difference <= row.high


def test_distances_are_those_of_the_last_step(plan: dict[str, Any]) -> None:
    rows, last = light(plan, "contrasts"), light(plan, "trajectories").groupby("run", sort=False).last()
    down = last[(last["method"] == "down") & (last["model"] == "big")]
    row = rows[rows["model"] == "big"].iloc[0]
    assert row["distance"] == pytest.approx(down["distance"].mean(), abs=1e-6)
    assert row["trained_distance"] == pytest.approx(down["trained_distance"].mean(), abs=1e-6)


def test_a_combination_is_held_against_the_mean_of_its_texts(plan: dict[str, Any]) -> None:
    """Two runs taken as one: their counterpart is the mean of the study's own two runs."""
    members = [[0], [1]]
    soup = [dict(run) | {"members": members} for run in plan["runs"] if run["method"] == "down" and run["text"] == 0]
    others = [run for run in plan["runs"] if run["method"] == "up"]
    changed = study_index(plan | {"runs": [*others, *soup]})
    selections, trajectories = light(plan, "selections"), light(plan, "trajectories")
    rows = contrasts(selections, trajectories, changed)
    for row in rows.itertuples():
        mine = selections[(selections["model"] == row.model) & (selections["group"] == row.group) & (selections["policy"] == row.policy)]
        wide = mine.pivot(index=["corpus", "text"], columns="method", values="gain")
        own = wide["up"].loc[:, [0, 1]].groupby("corpus").mean()
        assert row.pairs == 3
        assert row.difference == pytest.approx((wide["down"].loc[:, 0] - own).mean(), abs=1e-12)
    lacking = [run | {"members": [[0], [99]]} for run in soup]
    rows = contrasts(selections, trajectories, study_index(plan | {"runs": [*others, *lacking]}))
    assert (rows["pairs"] == 0).all() and rows["difference"].isna().all()


def test_estimates_metrics_and_plots_name_the_method(plan: dict[str, Any]) -> None:
    estimates, runs, steps = light(plan, "estimates"), light(plan, "plot_runs"), light(plan, "plot_steps")
    pooled = estimates[(estimates["corpus"] == "all") & (estimates["task"] == "average")]
    assert dict(pooled.groupby("method")["runs"].first()) == {"up": 15, "down": 6}
    metrics = json.loads(Path(plan["light"]["metrics"]).read_text())
    row = pooled.query("model == 'big' and method == 'down' and group == 'dialogue' and policy == 'last'").iloc[0]
    assert metrics["big"]["runs"] == 15 and metrics["big"]["methods"]["down"]["runs"] == 6
    assert metrics["big"]["methods"]["down"]["dialogue_difference_last"] == pytest.approx(row["mean_gain"], abs=1e-6)
    assert set(runs["series"]) >= {"0.2M seen text", "0.2M seen text, DOWN"} and set(steps["series"]) == set(runs["series"])
    assert np.allclose(runs["distance"], 0.08 * runs["steps"])
