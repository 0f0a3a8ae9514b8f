"""Two runs from scratch give the same bits, also where processes share the model; another seed gives others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Workspace

pytestmark = pytest.mark.workflow

SAME = (
    "observations/run_scores.parquet",
    "observations/selections.parquet",
    "observations/texts.parquet",
    "tables/estimates.csv",
    "tables/main.csv",
    "metrics.json",
    "plots/score_by_step.csv",
)


def from_scratch(finished: Workspace, to: Path, **changes: object) -> Workspace:
    workspace = finished.copy(to)
    for folder in ("data/tiny", "results/tiny", "figures/tiny", "checkpoints", ".snakemake", ".gap"):
        shutil.rmtree(workspace.folder / folder, ignore_errors=True)
    workspace.edit(**changes)
    workspace.snakemake("--quiet", "rules")
    return workspace


def test_two_runs_from_scratch_are_identical_bit_for_bit(finished: Workspace, tmp_path: Path) -> None:
    again = from_scratch(finished, tmp_path / "project")
    for name in SAME:
        assert again.read(f"results/tiny/{name}") == finished.read(f"results/tiny/{name}"), name
    trajectories = [
        pd.read_parquet(each.folder / "results/tiny/observations/trajectories.parquet").drop(columns="seconds")
        for each in (again, finished)
    ]
    pd.testing.assert_frame_equal(*trajectories)
    for figure in (finished.folder / "figures/tiny").iterdir():
        assert (again.folder / "figures/tiny" / figure.name).read_bytes() == figure.read_bytes(), figure.name
    weights = "checkpoints/tiny/pico/model.safetensors"
    assert again.read(weights) == finished.read(weights)


@pytest.mark.nightly
def test_two_processes_that_share_the_model_give_what_one_gives(finished: Workspace, tmp_path: Path) -> None:
    again = from_scratch(finished, tmp_path / "project", studies__tiny__jobs={"texts_per_job": 2, "device": "cpu", "devices": 2})
    for name in ("run_scores", "selections", "text_features", "trajectories"):
        shared, alone = (pd.read_parquet(each.folder / f"results/tiny/observations/{name}.parquet") for each in (again, finished))
        own = [column for column in alone.columns if column != "seconds"]
        pd.testing.assert_frame_equal(shared[own], alone[own], check_exact=name in ("run_scores", "selections"), rtol=1e-6, atol=0)
    assert again.read("results/tiny/metrics.json") == finished.read("results/tiny/metrics.json")
    assert again.read("checkpoints/tiny/pico/model.safetensors") == finished.read("checkpoints/tiny/pico/model.safetensors")
    provenance = [path.read_text() for path in (again.folder / "results/tiny").rglob("*.provenance.json")]
    assert sum('"devices": 2' in text for text in provenance) >= 4  # features, run, scores


@pytest.mark.nightly
def test_another_seed_gives_other_texts_weights_and_scores(finished: Workspace, tmp_path: Path) -> None:
    other = from_scratch(finished, tmp_path / "project", seed=7)
    for name in ("observations/run_scores.parquet", "observations/texts.parquet"):
        assert other.read(f"results/tiny/{name}") != finished.read(f"results/tiny/{name}")
    assert other.read("checkpoints/tiny/pico/model.safetensors") != finished.read("checkpoints/tiny/pico/model.safetensors")
