"""What outlives a killed Snakemake or DVC is named, left alone, and what it finishes is kept."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.nightly]

#: Imported by every Python: the job waits before it renames its trajectories, until the file ``go`` is there.
HOOK = """
import os, time

replace = os.replace

def held(source, target, **more):
    path = os.fspath(target)
    if "/runs/" in path and path.endswith(".parquet") and ".gap" not in path:
        open("held", "w").write(str(os.getpid()))
        while not os.path.exists("go"):
            time.sleep(0.05)
    return replace(source, target, **more)

os.replace = held
"""


def wait(workspace: Workspace, name: str) -> Path:
    deadline = time.monotonic() + 900
    path = workspace.folder / name
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"no {name}"
        time.sleep(0.1)
    return path


def outputs(workspace: Workspace) -> set[Path]:
    """What is there of the study, without what a job is writing."""
    found = [path for name in ("data", "results/tiny", "figures/tiny", "checkpoints") for path in (workspace.folder / name).rglob("*")]
    return {path for path in found if path.suffix != ".tmp"}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 900
    while alive(pid):
        assert time.monotonic() < deadline, f"{pid} does not end"
        time.sleep(0.1)


@pytest.fixture
def started(finished: Workspace, tmp_path: Path) -> Iterator[tuple[Workspace, dict[str, str]]]:
    """A copy of which the trajectories are lost, and what makes its jobs hold before they write them."""
    workspace = finished.copy(tmp_path / "project")
    for path in (workspace.folder / "results/tiny/runs").rglob("*.*"):
        path.unlink()
    workspace.commit("lost")
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(HOOK)
    paths = os.pathsep.join([str(tmp_path / "hook"), *filter(None, [os.environ.get("PYTHONPATH")])])
    yield workspace, {"PYTHONPATH": paths}
    (workspace.folder / "go").write_text("go")


def test_a_job_that_outlives_snakemake_is_named_and_what_it_finishes_is_kept(started: tuple[Workspace, dict[str, str]]) -> None:
    workspace, hook = started
    snakemake = workspace.start("snakemake", "--cores", "2", **hook)
    job = int(wait(workspace, "held").read_text())
    os.kill(snakemake.pid, signal.SIGKILL)
    snakemake.wait()
    assert snakemake.stdout
    snakemake.stdout.close()
    assert alive(job)

    for command in (("snakemake", "--cores", "2"), ("snakemake", "--unlock"), ("gap", "inputs"), ("gap", "clean", "tiny", "--confirm")):
        text = workspace.run(*command, code=None)
        said = text.rstrip().split("\n")[-1]
        assert said.startswith(f"gap: study tiny: still at work on it: gap post-train (process {job} on "), text
        assert f"kill {job}" in said and "Traceback" not in text and "Deleted" not in text
    assert alive(job)
    assert workspace.planned()["post_train"] == 1

    (workspace.folder / "go").write_text("go")
    wait_for_end(job)
    [table] = (workspace.folder / "results/tiny/runs").rglob("*.parquet")
    made = table.stat().st_mtime_ns
    assert "post_train" not in workspace.planned()
    workspace.snakemake("--quiet", "rules")
    assert table.stat().st_mtime_ns == made and table.with_suffix(".provenance.json").exists()
    assert workspace.planned() == {}


def test_a_snakemake_that_outlives_dvc_is_named_and_goes_on(started: tuple[Workspace, dict[str, str]]) -> None:
    workspace, hook = started
    dvc = workspace.start("dvc", "repro", **hook)
    job = int(wait(workspace, "held").read_text())
    os.kill(dvc.pid, signal.SIGKILL)
    dvc.wait()
    assert dvc.stdout
    dvc.stdout.close()
    before = outputs(workspace)
    for command in (("snakemake", "--unlock"), ("dvc", "repro")):
        text = workspace.run(*command, code=None)
        [said] = [line for line in text.split("\n") if line.startswith("gap: ")]
        assert said.startswith("gap: study tiny: still at work on it: snakemake (process ") and f"gap post-train (process {job} " in said
    assert outputs(workspace) >= before > set()
    main = int(said.split("snakemake (process ")[1].split(" ")[0])
    (workspace.folder / "go").write_text("go")
    wait_for_end(main)
    assert workspace.planned() == {}
    assert (workspace.folder / "results/tiny/report.html").exists()
