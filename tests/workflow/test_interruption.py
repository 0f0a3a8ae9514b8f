"""TERM and KILL in the middle of post-training and of evaluation: the next run finishes with the same tables."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from .conftest import RULES_LIGHT, Workspace

pytestmark = pytest.mark.workflow

MANY = {"texts": 8, "updates": 4}


#: The rules of each kind: one per group of tasks in evaluation.
UNTIL = {"post_train": ("post_train",), "evaluate_runs": ("evaluate_runs_0",)}


@pytest.fixture(scope="module")
def long_study(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Study `tiny` with enough runs in one shard that a kill meets them half done; nothing of them computed yet."""
    workspace = finished.copy(tmp_path_factory.mktemp("long") / "project")
    workspace.edit(
        studies__tiny__gap=MANY | {"precision": "fp32"},
        studies__tiny__jobs={"texts_per_job": 8, "device": "cpu"},
        studies__tiny__tasks=["copa"],
    )
    return workspace


@pytest.fixture(scope="module")
def trained(long_study: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The long study after post-training, nothing scored."""
    workspace = long_study.copy(tmp_path_factory.mktemp("trained") / "project")
    workspace.snakemake("--quiet", "rules", "--until", "post_train")
    return workspace


@pytest.fixture(scope="module")
def undisturbed(trained: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = trained.copy(tmp_path_factory.mktemp("undisturbed") / "project")
    workspace.evaluate()
    return workspace


def heavy_tables(workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Path -> rows of every table of runs and of scores, without the clock's readings."""
    found = sorted(path for kind in ("runs", "scores") for path in (workspace.folder / "results/tiny" / kind).rglob("*.parquet"))
    return {str(path.relative_to(workspace.folder)): pd.read_parquet(path).drop(columns="seconds", errors="ignore") for path in found}


#: Runs that are in the journal when the job is killed.
FINISHED = 3
#: Imported by every Python of the job. It notes which journal entries are written, and holds the job where the temporary file of
#: the next one is there and its name is not: no clock decides when the kill comes.
HOOK = """
import glob, os, signal

replace = os.replace

def noted(source, target, **more):
    path = os.fspath(target)
    if ".gap/journal/" in path:
        if len(glob.glob(".gap/journal/**/*.parquet", recursive=True)) >= int(os.environ["HOLD_AFTER"]):
            open("held", "w").close()
            while True:
                signal.pause()
        with open("written", "a") as stream:
            stream.write(os.path.relpath(path) + "\\n")
    return replace(source, target, **more)

os.replace = noted
"""


def units(workspace: Workspace) -> set[Path]:
    """Finished runs in the journal, by their paths in the project."""
    found = (path for path in (workspace.folder / ".gap/journal").rglob("*.parquet") if not path.name.startswith("."))
    return {path.relative_to(workspace.folder) for path in found}


def environment(workspace: Workspace, hold_after: int) -> dict[str, str]:
    """What makes every Python of a job import the hook."""
    folder = workspace.folder.parent / "hook"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(HOOK)
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]), "HOLD_AFTER": str(hold_after)}


def kill_in_the_middle(workspace: Workspace, target: str, how: signal.Signals) -> set[Path]:
    """Start the job that makes ``target``, kill everything once it is held behind a few finished runs, and return those."""
    process = workspace.start("snakemake", "--cores", "2", "--until", *UNTIL[target], **environment(workspace, FINISHED))
    deadline = time.monotonic() + 900
    while not (workspace.folder / "held").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "no run was finished in time"
        time.sleep(0.05)
    os.killpg(process.pid, how)
    process.communicate(timeout=1800)
    (workspace.folder / "held").unlink()
    (workspace.folder / "written").unlink()
    return units(workspace)


def moved(workspace: Workspace, to: Path) -> Workspace:
    """The study in another folder, with what docs/operations.md says to take there, and behind what it says to make first."""
    other = workspace.copy_sources(to)
    for folder in ("results/tiny", ".gap/journal"):
        shutil.copytree(workspace.folder / folder, other.folder / folder)
    other.snakemake("--quiet", "rules", "--until", "fetch_items", "sample_corpus", "build_model")
    return other


@pytest.mark.parametrize(
    ("rule", "how", "elsewhere"),
    [
        ("evaluate_runs", signal.SIGKILL, False),
        *(
            pytest.param(*variant, marks=pytest.mark.nightly)
            for variant in (
                ("post_train", signal.SIGTERM, True),
                ("post_train", signal.SIGKILL, False),
                ("evaluate_runs", signal.SIGTERM, True),
            )
        ),
    ],
)
def test_a_killed_run_goes_on_where_it_was_and_elsewhere(
    long_study: Workspace, trained: Workspace, undisturbed: Workspace, tmp_path: Path, rule: str, how: signal.Signals, elsewhere: bool
) -> None:
    workspace = (trained if rule == "evaluate_runs" else long_study).copy(tmp_path / "project")
    before = kill_in_the_middle(workspace, rule, how)
    assert len(before) == FINISHED < MANY["texts"]
    if elsewhere:
        workspace = moved(workspace, tmp_path / "elsewhere")
        assert "evaluate_runs" in workspace.planned() and ("post_train" in workspace.planned()) == (rule == "post_train")
    workspace.run("snakemake", "--cores", "2", "--until", *UNTIL[rule], **environment(workspace, 2 * MANY["texts"]))
    written = {Path(line) for line in (workspace.folder / "written").read_text().splitlines()}
    assert len(written) >= MANY["texts"] - FINISHED
    assert not before & written, "a finished run was computed again"

    if rule != "evaluate_runs":
        workspace.evaluate()
    assert set(workspace.planned()) <= RULES_LIGHT | {"describe_texts"}
    tables, wanted = heavy_tables(workspace), heavy_tables(undisturbed)
    assert tables.keys() == wanted.keys() and len(wanted) >= 2
    for path, rows in wanted.items():
        pd.testing.assert_frame_equal(tables[path], rows, check_exact=True)
