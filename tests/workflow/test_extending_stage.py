"""The worked example of a stage in docs/extending.md, done as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from .conftest import ROOT, Workspace, job_counts

pytestmark = [pytest.mark.workflow, pytest.mark.usefixtures("preloaded")]

PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8").split("## A stage with its rule\n", 1)[1].split("\n## ", 1)[0]
FILES = re.findall(r"^`((?:src|workflow)/\S+)` [^\n`]*(?:`ancient`[^\n]*)?\n\n```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
LINES = re.findall(r"^In `(\S+)`, below `([^\n]*?)`, [^\n]*\n\n```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_names_one_file_of_work_and_four_others() -> None:
    assert [name for name, _ in FILES] == [
        "src/gap/aggregate/text_lengths.py", "src/gap/plan/stages/text_lengths.py", "workflow/rules/text_lengths.smk"
    ]  # fmt: skip
    assert [name for name, _, _ in LINES] == ["src/gap/cli/light.py", "workflow/Snakefile"]


def test_the_files_and_lines_give_a_stage(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    for name, text in FILES:
        (workspace.folder / name).write_text(text, encoding="utf-8")
    for name, line, text in LINES:
        content = (workspace.folder / name).read_text(encoding="utf-8")
        assert content.count(f"{line}\n") == 1
        (workspace.folder / name).write_text(content.replace(f"{line}\n", f"{line}\n{text}"), encoding="utf-8")
    environment = {"PYTHONPATH": str(workspace.folder / "src")}
    command = ("snakemake", "--cores", "2", "--quiet", "rules")
    assert job_counts(workspace.run(*command, "-n", **environment)) == {"measure_texts": 1, "all": 1}
    workspace.run(*command, **environment)
    table = pd.read_csv(workspace.folder / "results/tiny/tables/text_lengths.csv")
    assert table.to_dict("records") == [{"corpus": "words", "size": 2, "mean": 40.0}]
    work = workspace.folder / "src/gap/aggregate/text_lengths.py"
    work.write_text(work.read_text().replace("round(2)", "round(1)"))
    assert job_counts(workspace.run(*command, "-n", **environment)) == {"measure_texts": 1, "all": 1}
