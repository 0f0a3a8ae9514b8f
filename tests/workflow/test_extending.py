"""The worked example of docs/extending.md, done as the page says: one new file, one entry in params.yaml, and the real workflow."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest
import yaml

from .conftest import ROOT, Workspace

pytestmark = pytest.mark.workflow

PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.split("### A new generator\n", 1)[1].split("\n## ", 1)[0]
[(FILE, CODE)] = re.findall(r"`(src/gap/\S+\.py)`:\n\n```python\n(.*?)```", EXAMPLE, re.DOTALL)
[ENTRIES] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", EXAMPLE, re.DOTALL)]
PLAN = """
import json, sys, yaml
from gap.plan.graph import open_graph
raw = yaml.safe_load(open("params.yaml"))
graphs = {study: open_graph(raw | {"study": study}) for study in sys.argv[1:]}
print(json.dumps({study: {"heavy": graph.heavy, "corpora": graph.document.get("corpora")} for study, graph in graphs.items()}))
"""


def plans(workspace: Workspace, *studies: str) -> dict[str, Any]:
    text = workspace.run(sys.executable, "-c", PLAN, *studies, PYTHONPATH=str(workspace.folder / "src"))
    found: dict[str, Any] = json.loads(text.strip().split("\n")[-1])
    return found


@pytest.fixture
def extended(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A checkout with the example's file; parameters as they were."""
    workspace = tiny.copy(tmp_path_factory.mktemp("extended") / "project")
    (workspace.folder / FILE).write_text(CODE, encoding="utf-8")
    return workspace


def test_the_file_alone_changes_no_key(tiny: Workspace, extended: Workspace) -> None:
    studies = ("demo", "mini", "paper", "tiny")
    before, after = plans(tiny, *studies), plans(extended, *studies)
    assert before == after and all(len(before[study]["heavy"]) > 10 for study in ("demo", "mini", "paper"))


def test_the_file_and_the_entry_give_a_corpus(extended: Workspace) -> None:
    before = plans(extended, "tiny")["tiny"]["heavy"]
    params = yaml.safe_load((extended.folder / "params.yaml").read_text())
    for key, entries in ENTRIES.items():
        params["studies"]["tiny"][key] |= entries
    (extended.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    after = plans(extended, "tiny")["tiny"]
    # the other corpus keeps its texts; the shards of runs, which hold all corpora, are others
    assert {path for path in before if "/data/" in f"/{path}"} < set(after["heavy"])
    [path] = [entry["path"] for entry in after["corpora"] if entry["name"] == "parity"]

    extended.run("snakemake", "--cores", "1", path, "--quiet", "rules", PYTHONPATH=str(extended.folder / "src"))
    texts = pd.read_parquet(extended.folder / path)
    assert len(texts) == 2 and set(texts["tokens"]) == {200} and set(texts["source"].astype(str)) == {"procedural parity"}
    for text in texts["string"]:
        lines = text.split("\n")[1:-1]  # the first and the last are cut by the window
        assert len(lines) > 3
        for line in lines:
            bits, answer = line.split(" | ")
            assert set(bits) <= set("01 ") and answer == ("odd" if bits.count("1") % 2 else "even")


def test_the_example_is_clean_and_typed(extended: Workspace) -> None:
    for command in (["ruff", "check", FILE], ["ruff", "format", "--check", FILE], ["mypy", FILE]):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=extended.folder,
            env=extended.environment() | {"PYTHONPATH": str(extended.folder / "src"), "MYPYPATH": str(extended.folder / "src")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
