"""TERM and KILL in the middle of post-training and of evaluation: the next run finishes with the same tables."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Workspace

pytestmark = pytest.mark.workflow

MANY = {"texts": 24, "updates": 12}


@pytest.fixture(scope="module")
def long_study(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Study `tiny` with enough runs in one shard that a kill meets them half done; nothing of them computed yet."""
    workspace = finished.copy(tmp_path_factory.mktemp("long") / "project")
    workspace.edit(
        studies__tiny__gap=MANY | {"precision": "fp32"},
        studies__tiny__jobs={"texts_per_job": 24, "device": "cpu"},
        studies__tiny__tasks=["copa"],
    )
    return workspace


@pytest.fixture(scope="module")
def undisturbed(long_study: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = long_study.copy(tmp_path_factory.mktemp("undisturbed") / "project")
    workspace.snakemake("--quiet", "rules")
    return workspace


def units(workspace: Workspace) -> dict[Path, int]:
    """Finished runs in the journal and when each was written."""
    found = {}
    for path in (workspace.folder / ".gap/journal").rglob("*.parquet"):
        if not path.name.startswith("."):
            with contextlib.suppress(FileNotFoundError):  # a finished job has just cleared its journal
                found[path] = path.stat().st_mtime_ns
    return found


def kill_in_the_middle(workspace: Workspace, target: str, how: signal.Signals) -> dict[Path, int]:
    """Start the job that makes ``target``, kill everything once a few runs are finished, and return those."""
    process = workspace.start("snakemake", "--cores", "2", "--until", target)
    deadline = time.monotonic() + 120
    while len(units(workspace)) < 3:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "no run was finished in time"
        time.sleep(0.01)
    os.killpg(process.pid, how)
    process.communicate(timeout=60)
    return units(workspace)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("rule", ["post_train", "evaluate_runs"])
def test_a_killed_run_goes_on_where_it_was(
    long_study: Workspace, undisturbed: Workspace, tmp_path: Path, rule: str, how: signal.Signals
) -> None:
    workspace = long_study.copy(tmp_path / "project")
    if rule == "evaluate_runs":
        workspace.snakemake("--quiet", "rules", "--until", "post_train")
    before = kill_in_the_middle(workspace, rule, how)
    assert 3 <= len(before) < MANY["texts"], "the kill came too late to mean anything"
    workspace.run("snakemake", "--unlock", code=None)

    process = workspace.start("snakemake", "--cores", "2", "--until", rule)
    seen: dict[Path, int] = {}
    while process.poll() is None:
        seen.update({path: when for path, when in units(workspace).items() if path in before})
        time.sleep(0.01)
    assert process.returncode == 0, process.communicate()[0]
    assert {path: when for path, when in before.items() if path in seen} == seen, "a finished run was computed again"

    workspace.snakemake("--quiet", "rules")
    assert workspace.planned() == {}
    for table in ("run_scores", "selections", "texts"):
        path = f"results/tiny/observations/{table}.parquet"
        assert workspace.read(path) == undisturbed.read(path)
    kept = [
        pd.read_parquet(each.folder / "results/tiny/observations/trajectories.parquet").drop(columns="seconds")
        for each in (workspace, undisturbed)
    ]
    pd.testing.assert_frame_equal(*kept)
    assert workspace.read("results/tiny/metrics.json") == undisturbed.read("results/tiny/metrics.json")
