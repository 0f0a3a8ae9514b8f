"""The commands of the README start real work, and refuse wrong input in one paragraph."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gap.plan.job_memory import shared_megabytes

from .conftest import ROOT, Workspace

pytestmark = pytest.mark.workflow


def test_the_default_dry_run_has_jobs(tiny: Workspace) -> None:
    planned = tiny.planned()
    assert planned["post_train"] == 1 and planned["evaluate_runs"] == 1 and planned["build_model"] == 1 and planned["all"] == 1


def test_the_picture_of_the_rules_is_current(tiny: Workspace) -> None:
    tiny.run(sys.executable, "workflow/scripts/rulegraph.py", "--check")


@pytest.mark.parametrize("study", ["demo", "paper"])
def test_every_shipped_study_lists_its_jobs(tiny: Workspace, study: str) -> None:
    planned = tiny.planned("--config", f"study={study}")
    texts = {"demo": (4, 4), "paper": (100, 10)}[study]
    models = {"demo": 1, "paper": 3}[study]
    splits = {"demo": 12, "paper": 12 + 7}[study]
    methods = {"demo": 4, "paper": 1}[study]
    shards = methods * models * -(-texts[0] // texts[1])
    assert planned["post_train"] == shards
    groups = -(-splits // {"demo": 12, "paper": 4}[study])
    assert planned["evaluate_runs"] == shards * groups
    assert planned["evaluate_base"] == groups


def test_jobs_share_this_machines_memory_or_what_is_given(tiny: Workspace, tmp_path: Path) -> None:
    workspace = tiny.copy(tmp_path / "project")
    said = workspace.snakemake("--until", "fetch_items")
    assert f'Resource("mem_mb", {shared_megabytes()})' in said
    shutil.rmtree(workspace.folder / "data/tiny/items")
    assert 'Resource("mem_mb", 4321)' in workspace.snakemake("--until", "fetch_items", "--resources", "gpu=1", "mem_mb=4321")


def test_a_folder_that_nobody_can_write_is_named_in_one_line(tiny: Workspace, tmp_path: Path) -> None:
    place = str(tiny.copy(tmp_path / "project").folder)
    if subprocess.run(["mount", "--bind", place, place], capture_output=True).returncode:
        pytest.skip("mounting needs root")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        text = Workspace(Path(place)).snakemake("-n", code=1)
    finally:
        subprocess.run(["umount", place], check=True)
    assert text.rstrip().split("\n")[-1].startswith(f"gap: {place}") and "run in a copy" in text and "Traceback" not in text


@pytest.mark.parametrize("name", ["a{b}", "a:b"])
def test_a_path_that_snakemake_or_python_would_cut_is_named_in_one_line(tiny: Workspace, tmp_path: Path, name: str) -> None:
    place = str(tiny.copy(tmp_path / name).folder)
    for command in (["snakemake", "-n"], ["make", f"PYTHON={sys.executable}"]):
        text = Workspace(Path(place)).run(*command, code=None)
        said = next(line for line in text.splitlines() if "rename the folder" in line)
        assert said.removeprefix("gap: ").startswith(f"{place} has ") and "Traceback" not in text


def test_use_conda_without_conda_is_explained_in_one_line(tiny: Workspace) -> None:
    import shutil

    if shutil.which("conda") or shutil.which("mamba"):
        pytest.skip("conda is here: the flag works")
    for flags in (["--use-conda"], ["--sdm", "conda"]):
        text = tiny.snakemake("-n", *flags, code=1)
        assert "--use-conda needs the command conda," in text and "Traceback" not in text


def test_containers_without_their_commands_are_explained_in_one_line(tiny: Workspace) -> None:
    import shutil

    for flag, commands in (("--use-apptainer", ("apptainer", "singularity")), ("--containerize", ("conda", "mamba"))):
        if not any(map(shutil.which, commands)):
            text = tiny.snakemake(flag, code=1)
            said = text.rstrip().split("\n")[-1]
            assert said.startswith(f"gap: {flag} needs the command {commands[0]} or {commands[1]}") and "Traceback" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gap__learning_rat": 1.0}, ["gap.learning_rat", "unknown key", "learning_rate"]),
        ({"gap__updates": -1, "studies__tiny__gap__updates": -1}, ["gap.updates", "-1", "greater than or equal to 1"]),
        ({"study": "dmeo"}, ["'study'", "'dmeo'", "demo", "tiny"]),
        ({"studies__tiny__sources__words__paths": ["input/nothing.txt"]}, ["input/nothing.txt", "existing"]),
        ({"studies__tiny__corpora__words__source": "wrds"}, ["wrds", "words"]),
        ({"tasks": ["piqua"], "studies__tiny__tasks": ["piqua"]}, ["tasks", "piqua", "piqa"]),
    ],
)
def test_wrong_parameters_are_refused_before_any_job(tiny: Workspace, tmp_path: Path, changes: dict, words: list[str]) -> None:
    path = tiny.folder / "params.yaml"
    kept = path.read_text()
    try:
        tiny.edit(**changes)
        text = tiny.snakemake("-n", code=1)
    finally:
        path.write_text(kept)
    assert all(word in text for word in words), text
    assert "Traceback" not in text


def test_a_value_that_the_study_overrides_is_refused_before_any_job(tiny: Workspace, tmp_path: Path) -> None:
    workspace = tiny.copy(tmp_path / "project")
    text = workspace.snakemake("-n", "--config", "gap={updates: 9}", code=1)
    assert "--config, key 'gap.updates': '9', which changes nothing of study tiny" in text
    assert "Set `studies.tiny.gap.updates` instead" in text
    workspace.commit("before the experiment")
    text = workspace.dvc("exp", "run", "-S", "gap.updates=9", code=None)
    assert "params.yaml, key 'gap.updates': 9, which changes nothing of study tiny" in text and "Traceback" not in text
    assert workspace.planned("--config", "gap={learning_rate: 0.5}")["post_train"] == 1


def test_params_names_every_value_that_dvc_must_track() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    tracked = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["results"]["params"]
    assert set(params) - {"studies"} == set(tracked) - {"studies.${item.study}"}
