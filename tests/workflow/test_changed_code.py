"""Code that changes alone, params.yaml untouched, reaches the plan and what is made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Workspace, job_counts

pytestmark = [pytest.mark.workflow, pytest.mark.usefixtures("preloaded")]


def test_a_changed_light_stage_is_made_anew(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    source = workspace.folder / "src"
    command = ("snakemake", "--cores", "2", "-n", "--quiet", "rules")
    assert job_counts(workspace.run(*command, PYTHONPATH=str(source))) == {}
    with (source / "gap/report/limits.py").open("a") as stream:
        stream.write("\nADDED = 1\n")
    planned = job_counts(workspace.run(*command, PYTHONPATH=str(source)))
    assert planned == {"write_report": 1, "all": 1}
    with (source / "gap/aggregate/estimates.py").open("a") as stream:
        stream.write("\nADDED = 1\n")
    planned = job_counts(workspace.run(*command, PYTHONPATH=str(source)))
    assert set(planned) == {"aggregate", "estimate", "rescore", "make_tables", "draw_figures", "export_checkpoint", "write_report", "all"}
