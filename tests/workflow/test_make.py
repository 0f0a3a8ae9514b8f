"""The Makefile: what it deletes, where it runs, and what it says when a job fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import BIN, Workspace, checkout

pytestmark = pytest.mark.workflow


@pytest.fixture
def elsewhere(tmp_path: Path) -> Workspace:
    """A checkout in a folder with a space and an accent; its environment is the one of the tests."""
    workspace = checkout(tmp_path / "my prójects" / "gap")
    (workspace.folder / ".venv").mkdir()
    (workspace.folder / ".venv/bin").symlink_to(BIN)
    (workspace.folder / ".venv/.installed").touch()
    return workspace


def files(workspace: Workspace) -> set[str]:
    names = ("data", "results", "checkpoints", ".gap", ".snakemake")
    return {str(path.relative_to(workspace.folder)) for name in names for path in (workspace.folder / name).rglob("*") if path.is_file()}


def test_clean_deletes_one_study_and_only_when_confirmed(elsewhere: Workspace) -> None:
    workspace = elsewhere
    heavy = [
        "data/{}/models/m-1/model.safetensors",
        "results/{}/runs/m-1/a.parquet",
        "results/{}/scores/t-1/m-1/b.parquet",
        "checkpoints/{}/m/x",
    ]
    for study in ("one", "two"):
        for name in [*heavy, "results/{}/metrics.json"]:
            path = workspace.folder / name.format(study)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 2_000_000)
    (workspace.folder / ".gap/journal").mkdir(parents=True)
    (workspace.folder / ".gap/journal/kept.parquet").touch()
    before = files(workspace)

    text = workspace.run("make", "clean", code=2)
    assert "no study. Allowed: one of ['one', 'two']" in text and "Nothing was deleted" in text
    for wrong in ("three", "../data", ".", "*", "one/models"):
        assert "Nothing was deleted" in workspace.run("make", "clean", f"STUDY={wrong}", "CONFIRM=1", code=2)
    for more in ([], ["CONFIRM=0"], ["CONFIRM=yes"]):
        text = workspace.run("make", "clean", "STUDY=one", *more)
        assert "2.0 MB  data/one" in text and "2.0 MB  results/one/scores" in text and "two" not in text
        assert "Nothing was deleted" in text and "make clean STUDY=one CONFIRM=1" in text
    assert files(workspace) == before

    workspace.run("make", "clean", "STUDY=one", "CONFIRM=1")
    assert before - files(workspace) == {name.format("one") for name in heavy}


def test_everything_runs_in_a_folder_with_a_space_and_an_accent(elsewhere: Workspace) -> None:
    text = elsewhere.run("make", "-n", "all", "lint")
    assert "snakemake --cores all --quiet rules" in text and "-m venv" not in text
    # a tool of the environment is found, although its path has a space
    (elsewhere.folder / ".venv/bin").unlink()
    (elsewhere.folder / ".venv/bin").mkdir()
    for name in ("snakemake", "gap", "python"):
        tool = elsewhere.folder / ".venv/bin" / name
        tool.write_text(f'#!/bin/sh\necho "{name} of the environment: $*"\n')
        tool.chmod(0o755)
    lines = elsewhere.run("make").splitlines()
    calls = ["snakemake of the environment: --cores all --quiet rules", "gap of the environment: where", "gap of the environment: verify"]
    assert lines[-3:] == calls
    (elsewhere.folder / ".venv/.installed").unlink()
    text = elsewhere.run("make", "install", "PYTHON=true")
    assert "python of the environment: -m pip install" in text


def test_make_needs_no_home_and_a_failed_jobs_own_message_is_the_last_thing_that_it_says(tiny: Workspace, elsewhere: Workspace) -> None:
    workspace = elsewhere
    for name in ("params.yaml", "input"):
        path = tiny.folder / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, workspace.folder / name)
    (workspace.folder / "input/words.txt").write_bytes(b"caf\xe9 and more words\n")
    text = workspace.run("make", "CORES=2", code=2, HOME="/proc/nowhere")  # which nobody can write
    said, last = text.rstrip().split("\n")[-2:]
    assert last.startswith("make: ***")
    assert said.startswith("gap: input/words.txt") and "UTF-8" in said and "Convert the file to UTF-8." in said
    assert "build_tokenizer failed (results/tiny/logs/tokenizers/bpe-" in text.split("\n")[-4] and "fetch_items failed" not in text
