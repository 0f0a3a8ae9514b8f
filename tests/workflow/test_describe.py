"""Text features in the workflow: what makes them anew, what does not, and that more of them cost only what is new."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from .conftest import RULES_LIGHT, Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.usefixtures("preloaded")]

FIRST = ["corpus", "text", "feature", "task"]


def planned_features(workspace: Workspace) -> pd.DataFrame:
    """The rows of the files that plan.json names."""
    plan = json.loads(workspace.read("results/tiny/plan.json"))
    return pd.concat([pd.read_parquet(workspace.folder / path) for path in plan["features"]]).astype(
        {name: str for name in ("corpus", "feature", "task")}
    )


def test_the_study_holds_features_and_their_relation_to_gain(finished: Workspace) -> None:
    rows = planned_features(finished)
    assert len(rows) == 2 * (8 + 2) and rows["value"].notna().all()
    table = pd.read_csv(finished.folder / "results/tiny/tables/familiarity.csv")
    assert set(table["feature"]) >= {"nll", "cosine"} and set(table["runs"]) == {2}
    assert table["rho"].isna().all(), "two runs have no rank correlation"
    assert not (finished.folder / "figures/tiny/familiarity.pdf").exists(), "nor a figure"


def test_the_described_text_is_the_one_that_post_training_climbs(finished: Workspace) -> None:
    rows, trajectories = (
        pd.read_parquet(finished.folder / f"results/tiny/observations/{name}.parquet").astype({"corpus": str})
        for name in ("text_features", "trajectories")
    )
    nll = rows[rows["feature"] == "nll"].set_index(["corpus", "text"])["value"]
    first = trajectories[trajectories["epoch"] == 1].set_index(["corpus", "text"])["loss"]
    assert len(nll) == len(first) == 2
    pd.testing.assert_series_equal(nll, first[nll.index], check_names=False, rtol=1e-5)


def test_a_changed_setting_describes_anew_and_leaves_runs_and_scores_alone(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    workspace.edit(studies__tiny__describe__ngram=3)
    planned = workspace.planned()
    assert planned["describe_texts"] == 1 and set(planned) == {"describe_texts"} | RULES_LIGHT
    workspace.edit(studies__tiny__describe__ngram=2, describe__gradients_gib=0.5)
    assert "describe_texts" not in workspace.planned()


def test_a_method_is_changed_without_describing_anew(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    workspace.edit(gap__optimizer__betas=[0.9, 0.99])
    planned = workspace.planned()
    assert planned["post_train"] == 1 and "describe_texts" not in planned


def test_more_texts_and_another_task_add_to_what_is_there(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    before = planned_features(workspace)
    workspace.edit(studies__tiny__gap__texts=3, studies__tiny__tasks=["copa", "blended_skill_talk", "piqa"])
    assert workspace.planned()["describe_texts"] == 1
    # a file of features that were computed again would not hold this value
    place = next((workspace.folder / "results/tiny/features").rglob("texts-0002-*.parquet"))
    marked = pd.read_parquet(place)
    marked.loc[marked["feature"] == "nll", "value"] = 1234.5
    rewrite(marked, place)
    workspace.snakemake("--quiet", "rules", "--until", "describe_texts")
    after = pd.concat([pd.read_parquet(path) for path in place.parent.glob("*.parquet") if path != place]).astype(
        {name: str for name in ("corpus", "feature", "task")}
    )
    assert len(after) == 3 * (8 + 3)
    both = before.merge(after, on=FIRST, suffixes=("", "_after"))
    assert len(both) == len(before)
    assert set(both.loc[both["feature"] == "nll", "value_after"]) == {1234.5}
    others = both[both["feature"] != "nll"]
    assert (others["value"] == others["value_after"]).all()
    assert after.loc[(after["feature"] == "nll") & (after["text"] == 2), "value"].between(0, 20).all()


def rewrite(rows: pd.DataFrame, path: Path) -> None:
    """Write a table and, as if it had been made so, its record."""
    from gap.core.digest import file_digest
    from gap.core.files import write_json
    from gap.core.tables import write_table

    write_table(
        rows.astype({name: str for name in rows.columns if isinstance(rows[name].dtype, pd.CategoricalDtype)}), path, "text_features"
    )
    record = path.with_suffix(".provenance.json")
    write_json(record, json.loads(record.read_text()) | {"sha256": file_digest(path)})
