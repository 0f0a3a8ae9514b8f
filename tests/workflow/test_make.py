"""The Makefile: what it deletes, where it runs, and what it says when a job fails."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

from .conftest import BIN, ROOT, Workspace, checkout, job_counts

pytestmark = pytest.mark.workflow


@pytest.fixture
def elsewhere(tmp_path: Path) -> Workspace:
    """A checkout in a folder with a space, an accent and what shells read; its environment is the one of the tests."""
    workspace = checkout(tmp_path / "my prójects, it's 100% & $HOME; #1 [*] (a) \\b" / "gap")
    (workspace.folder / ".venv").mkdir()
    (workspace.folder / ".venv/bin").symlink_to(BIN)
    (workspace.folder / ".venv/.installed").touch()
    (workspace.folder / ".venv/.installed-test").touch()
    return workspace


def copied_study(tiny: Workspace, workspace: Workspace) -> Workspace:
    """The workspace with study `tiny` selected."""
    for name in ("params.yaml", "input"):
        path = tiny.folder / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, workspace.folder / name)
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


def test_everything_runs_in_a_folder_with_an_odd_name(elsewhere: Workspace) -> None:
    text = elsewhere.run("make", "-n", "all", "lint")
    assert "snakemake --cores all --logger gap" in text and "install.py" not in text
    # a tool of the environment is found, although its path has a space
    (elsewhere.folder / ".venv/bin").unlink()
    (elsewhere.folder / ".venv/bin").mkdir()
    for name in ("snakemake", "gap", "python"):
        tool = elsewhere.folder / ".venv/bin" / name
        tool.write_text(f'#!/bin/sh\necho "{name} of the environment: $*"\n')
        tool.chmod(0o755)
    lines = elsewhere.run("make").splitlines()
    calls = ["snakemake of the environment: --cores all --logger gap", "gap of the environment: where", "gap of the environment: verify"]
    assert lines[-3:] == calls


def test_tests_and_linters_come_with_the_targets_that_need_them(elsewhere: Workspace) -> None:
    for name in (".installed", ".installed-test"):
        (elsewhere.folder / ".venv" / name).unlink()
    install, extra = ('workflow/scripts/install.py ".venv"', 'workflow/scripts/install.py ".venv" test')
    for target, asked in {"all": [install], "published": [install], "test": [install, extra], "lint": [install, extra]}.items():
        lines = elsewhere.run("make", "-n", target).splitlines()
        assert [line.partition(" ")[2] for line in lines if "install.py" in line] == asked
    text = elsewhere.run("make", "install", "PYTHON=python3.0", code=2)
    assert text.startswith("Python 3.11 or later is needed; python3.0 is not there. Try: make PYTHON=python3.12\n")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = ("mypy", "pytest", "pytest-xdist", "ruff", "snakefmt")
    assert all(any(entry.startswith(name + ">=") for entry in project["optional-dependencies"]["test"]) for name in tools)
    assert not any(entry.startswith(tools) for entry in project["dependencies"])


def test_help_lists_every_target_and_study(elsewhere: Workspace) -> None:
    text = elsewhere.run("make", "help")
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    described = dict(re.findall(r"^make ([a-z-]+) +(\S.*)$", text, re.MULTILINE))
    assert set(described) == set(phony[1].split()) == set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    listed = dict(re.findall(r"^  ([a-z0-9_-]+) +(\S.*)$", text, re.MULTILINE))
    assert listed == {name: study["title"] for name, study in params["studies"].items()}
    assert "make STUDY=NAME" in text and f"now {params['study']}\n" in text


def test_snakemake_by_hand_needs_no_home(tiny: Workspace, tmp_path: Path) -> None:
    workspace = tiny.copy(tmp_path / "project")
    text = workspace.run("snakemake", "--cores", "2", "-n", "--quiet", "rules", HOME="/proc/nowhere", XDG_CACHE_HOME="")
    assert job_counts(text)["post_train"] == 1
    assert (workspace.folder / ".gap/cache/snakemake").is_dir()


@pytest.fixture
def tools(tmp_path: Path) -> str:
    """A folder for PATH without git and compilers: what the Makefile and a rule call, `which` for Snakemake's executor for Slurm
    (part of `make test-all`), and nothing else."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("sh", "bash", "env", "expand", "mkdir", "sed", "test", "which"):
        (folder / name).symlink_to(shutil.which(name) or "")
    return str(folder)


def test_without_git_the_jobs_are_planned_and_the_results_looked_for(tiny: Workspace, tools: str) -> None:
    text = tiny.run(str(BIN / "snakemake"), "--cores", "2", "-n", "--quiet", "rules", PATH=tools)
    assert job_counts(text)["post_train"] == 1
    text = tiny.run(str(BIN / "gap"), "where", PATH=tools)
    assert "results/tiny/report.html   (not made yet)" in text and "found" not in text and "make STUDY=tiny" in text


@pytest.mark.nightly
def test_make_needs_neither_git_nor_a_compiler_nor_a_home(tiny: Workspace, elsewhere: Workspace, tools: str) -> None:
    workspace = copied_study(tiny, elsewhere)
    text = workspace.run(shutil.which("make") or "", "CORES=2", PATH=tools, HOME="/proc/nowhere")
    lines = text.rstrip().split("\n")
    assert re.fullmatch(r"all jobs +19/19 +\d:\d\d:\d\d", lines[-11])
    assert [line[:8].rstrip() for line in lines[-10:]] == [
        "study",
        "found",
        "figures",
        "tables",
        "metrics",
        "models",
        "report",
        "next",
        "",
        "",
    ]
    assert "(not made yet)" not in text and "Traceback" not in text and "/proc/nowhere" not in text
    assert (workspace.folder / "results/tiny/report.html").stat().st_size > 100_000


def test_make_needs_no_home_and_a_failed_jobs_own_message_is_the_last_thing_that_it_says(tiny: Workspace, elsewhere: Workspace) -> None:
    workspace = copied_study(tiny, elsewhere)
    (workspace.folder / "input/words.txt").write_bytes(b"caf\xe9 and more words\n")
    text = workspace.run("make", "CORES=2", code=2, HOME="/proc/nowhere")  # which nobody can write
    said, last = text.rstrip().split("\n")[-2:]
    assert last.startswith("make: ***")
    assert said.startswith("gap: input/words.txt") and "UTF-8" in said and "Convert the file to UTF-8." in said
    assert "build_tokenizer failed (results/tiny/logs/tokenizers/bpe-" in text.split("\n")[-4] and "fetch_items failed" not in text
    # one line where a stage starts and one where it ends; nothing else of Snakemake's but what it reads
    stages = [re.sub(r"\d:\d\d:\d\d", "TIME", line) for line in text.split("\n") if re.match(r"[a-z_ ]+ +\d+/\d+ ", line)]
    assert {line.split()[0] for line in stages} == {"fetch_items", "build_tokenizer", "all"}
    assert [line.split(maxsplit=1)[1] for line in stages if line.startswith("build_tokenizer")][1:] == ["0/1    TIME, 1 failed"]
    assert stages[-1].split() == ["all", "jobs", "2/19", "TIME,", "1", "failed"]
    assert not any(words in text for words in ("Exiting because", "Error in rule", "Finished jobid", "At least one job"))
    (log,) = (workspace.folder / ".snakemake/log").glob("*.snakemake.log")
    assert all(words in log.read_text() for words in ("Building tokenizer bpe", "Error in rule build_tokenizer", "Finished jobid"))
