"""The study of one's own in docs/extending.md, made as the page has it, with a model's folder and this project's pages as texts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from .conftest import ROOT, Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.usefixtures("preloaded")]

PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8").split("## A study of your own\n", 1)[1].split("\n## ", 1)[0]


def test_the_entry_gives_a_study(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy_sources(tmp_path / "project")
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    [(name, entry)] = yaml.safe_load(text).items()
    [folder] = {path.parent for path in (finished.folder / "data/tiny/models").glob("pico-*/model.safetensors")}
    shutil.copytree(folder, workspace.folder / entry["models"]["mine"]["path"])
    (workspace.folder / "notes").mkdir()
    for page in ROOT.glob("docs/*.md"):
        shutil.copy(page, workspace.folder / "notes")
    workspace.edit(**{f"studies__{name}": entry, "study": name})

    workspace.snakemake("--quiet", "rules", "--until", "aggregate")
    rows = pd.read_parquet(workspace.folder / "results/mine/observations/run_scores.parquet")
    assert set(rows["task"]) >= set(entry["tasks"])
    runs = pd.read_parquet(workspace.folder / "results/mine/observations/texts.parquet")
    assert len(runs) == entry["gap"]["texts"]
