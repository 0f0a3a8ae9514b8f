"""The Makefile: what it deletes, where it runs, and what it says when a job fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import BIN, Workspace, checkout

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A checkout in a folder with a space and an accent; its environment is the one of the tests."""
    workspace = checkout(tmp_path_factory.mktemp("make") / "my prójects" / "gap")
    (workspace.folder / ".venv").mkdir()
    (workspace.folder / ".venv/bin").symlink_to(BIN)
    (workspace.folder / ".venv/.installed").touch()
    return workspace


def files(workspace: Workspace) -> set[str]:
    names = ("data", "results", "checkpoints", ".gap", ".snakemake")
    return {str(path.relative_to(workspace.folder)) for name in names for path in (workspace.folder / name).rglob("*") if path.is_file()}


def test_clean_deletes_one_study_and_only_when_confirmed(elsewhere: Workspace, tmp_path: Path) -> None:
    workspace = elsewhere.copy(tmp_path / "a copy")
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
