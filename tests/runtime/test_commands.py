"""A flag of Snakemake that needs a command says so where the command is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gap.runtime.commands import lacking


@pytest.mark.parametrize(
    ("methods", "words", "command"),
    [
        ([], ["snakemake", "--cores", "all"], ""),
        (["DeploymentMethod.CONDA"], ["snakemake", "--use-conda"], "conda"),
        (["DeploymentMethod.APPTAINER"], ["snakemake", "--sdm", "apptainer"], "apptainer"),
        ([], ["snakemake", "--containerize"], "conda"),
        ([], ["snakemake", "--workflow-profile", "profiles/slurm"], "sbatch"),
        ([], ["snakemake", "--workflow-profile=profiles/slurm"], "sbatch"),
        ([], ["snakemake", "--executor", "slurm"], "sbatch"),
        ([], ["snakemake", "-e", "slurm"], "sbatch"),
        ([], ["snakemake", "-n", "--executor", "slurm"], ""),
        ([], ["snakemake", "--directory", "/home/me/slurm", "--config", "study=slurm", "slurm"], ""),
    ],
)
def test_one_line_names_flag_command_and_cure(
    methods: list[str], words: list[str], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    line = lacking(methods, words)
    assert "\n" not in line
    assert (f"needs the command {command}" in line and "not on PATH: install it (" in line) if command else line == ""
    if command:
        (tmp_path / command).write_text("#!/bin/sh\n")
        (tmp_path / command).chmod(0o755)
        assert lacking(methods, words) == ""
