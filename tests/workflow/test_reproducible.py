"""Two runs from scratch give the same bits; another seed gives others."""

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


def test_another_seed_gives_other_texts_weights_and_scores(finished: Workspace, tmp_path: Path) -> None:
    other = from_scratch(finished, tmp_path / "project", seed=7)
    for name in ("observations/run_scores.parquet", "observations/texts.parquet"):
        assert other.read(f"results/tiny/{name}") != finished.read(f"results/tiny/{name}")
    assert other.read("checkpoints/tiny/pico/model.safetensors") != finished.read("checkpoints/tiny/pico/model.safetensors")
