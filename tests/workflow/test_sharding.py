"""How runs are cut into jobs, and how many jobs run at a time, changes no result."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from .conftest import Workspace

pytestmark = pytest.mark.workflow

METHODS = {
    "ascent": {"label": "ascent"},
    "random": {"label": "random", "gap": {"direction": {"kind": "random", "seed": 1}}},
    "pairs": {"label": "pairs", "gap": {"texts_per_update": 2}},
    "soup": {"label": "soup", "combine": {"kind": "soup"}},
}


def made(tiny: Workspace, folder: Path, texts_per_job: int, cores: str) -> Workspace:
    workspace = tiny.copy(folder)
    workspace.edit(
        studies__tiny__methods=METHODS,
        studies__tiny__gap={"precision": "fp32", "updates": 2, "texts": 4},
        studies__tiny__tasks=["copa"],
        studies__tiny__jobs={"texts_per_job": texts_per_job, "device": "cpu"},
    )
    workspace.run("snakemake", "--cores", cores, "--quiet", "rules", "--until", "aggregate")
    return workspace


@pytest.mark.nightly
def test_one_text_per_job_or_all_in_one(tiny: Workspace, tmp_path: Path) -> None:
    many, one = made(tiny, tmp_path / "many", 1, "2"), made(tiny, tmp_path / "one", 4, "1")
    counts = [len(list((workspace.folder / "results/tiny/runs").rglob("*.parquet"))) for workspace in (many, one)]
    assert counts == [4 + 4 + 2 + 1, 1 + 1 + 1 + 1]
    for name in ("texts", "trajectories", "run_scores", "selections"):
        left, right = (pd.read_parquet(workspace.folder / f"results/tiny/observations/{name}.parquet") for workspace in (many, one))
        pd.testing.assert_frame_equal(left.drop(columns="seconds", errors="ignore"), right.drop(columns="seconds", errors="ignore"))
    assert many.read("results/tiny/metrics.json") == one.read("results/tiny/metrics.json")
    assert set(left["method"].astype(str)) == set(METHODS)
