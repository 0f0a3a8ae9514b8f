"""Listing, filtering and finding checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gap.checkpoints.catalogue import Selection, by_id, catalogue, filtered, ordered
from gap.cli.main import app
from gap.core.errors import BadInput
from gap.core.files import write_json
from gap.core.tables import read_table, write_table


def listed(*flags: str) -> Any:
    done = CliRunner().invoke(app, ["checkpoints", "--plan", "plan.json", *flags])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout) if "--json" in flags else done.stdout


def test_every_real_step_of_every_run(plan: dict[str, Any]) -> None:
    found = catalogue(plan)
    rows = read_table(Path(plan["light"]["trajectories"]), "trajectories")
    assert len(found) == (4 + 4 + 2) * 3 == rows["real"].sum()
    assert len({one.id for one in found}) == len(found)
    one = next(one for one in found if one.id == "linescode000000001-2")
    row = rows[(rows["run"] == one.run) & (rows["step"] == 2)].iloc[0]
    assert (one.digest, one.distance, one.epoch) == (row["digest"], row["distance"], row["epoch"])
    assert one.scores == pytest.approx({"all": 0.32, "classification": 0.42, "dialogue": 0.22})


def test_filters_and_order(plan: dict[str, Any]) -> None:
    found = catalogue(plan)
    assert len(filtered(found, Selection(method="soup"), plan)) == 6
    assert {one.step for one in filtered(found, Selection(last=True), plan)} == {3}
    [one] = filtered(found, Selection(model="nano", method="ascent", corpus="code", text=1, step=2), plan)
    assert one.id == "ascentcode000000001-2"
    best = ordered(filtered(found, Selection(method="ascent"), plan), "all")
    assert best[0].id == "ascentprose000000001-2" and len(best) == 12
    assert [one.scores["all"] for one in best] == sorted([one.scores["all"] for one in best], reverse=True)
    for wanted in (Selection(method="nope"), Selection(corpus="nope"), Selection(model="nope")):
        with pytest.raises(BadInput, match="'nope'"):
            filtered(found, wanted, plan)
    with pytest.raises(BadInput, match="--sort"):
        ordered(found, "beauty")


def test_an_id_or_a_beginning_of_it(plan: dict[str, Any]) -> None:
    found = catalogue(plan)
    assert by_id(found, "soupprose000000000-3").step == 3
    assert by_id(found, "ascentprose000000001-2").scores["all"] == pytest.approx(0.52)
    with pytest.raises(BadInput, match="beginning of 6 checkpoints"):
        by_id(found, "ascentcode")
    with pytest.raises(BadInput, match="no checkpoint of the study"):
        by_id(found, "0" * 16)


def test_before_anything_is_scored_or_made(plan: dict[str, Any]) -> None:
    plan["light"]["run_scores"] = "none.parquet"
    found = catalogue(plan)
    assert len(found) == 30 and not any(one.scores for one in found)
    with pytest.raises(BadInput, match="no checkpoint with such a score"):
        ordered(found, "all")
    plan["light"]["trajectories"] = "none.parquet"
    with pytest.raises(BadInput, match=r"none\.parquet: no such file"):
        catalogue(plan)


def test_skipped_updates_are_no_checkpoints(plan: dict[str, Any]) -> None:
    rows = read_table(Path(plan["light"]["trajectories"]), "trajectories")
    rows.loc[(rows["method"] == "ascent") & (rows["epoch"] == 1), "real"] = False
    write_table(rows, Path("t.parquet"), "trajectories")
    plan["light"]["trajectories"] = "t.parquet"
    assert len(filtered(catalogue(plan), Selection(method="ascent"), plan)) == 8


def test_the_command(plan: dict[str, Any]) -> None:
    write_json(Path("plan.json"), plan)
    rows = listed("--method", "ascent", "--sort", "all", "--limit", "2", "--json")
    assert rows[0]["id"] == "ascentprose000000001-2" and len(rows) == 2
    assert {"digest", "distance", "all", "dialogue", "classification", "epoch"} <= set(rows[0])
    text = listed("--last", "--corpus", "code")
    lines = text.strip().split("\n")
    assert lines[0].split()[:3] == ["id", "model", "method"] and lines[-1] == "5 of 5 checkpoints" and len(lines) == 7


def test_a_study_that_is_not_made_or_runs_nothing() -> None:
    write_json(Path("published.json"), {"study": {"name": "published"}, "light": {}})
    for place, words in (("published.json", "a study without runs"), ("missing.json", "no such file")):
        done = CliRunner().invoke(app, ["checkpoints", "--plan", place])
        assert isinstance(done.exception, BadInput) and words in str(done.exception)
