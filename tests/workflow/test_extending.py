"""The worked examples of docs/extending.md, done as the page says: one new file, one entry in params.yaml, and the real workflow."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

from .conftest import ROOT, Workspace, job_counts

pytestmark = [pytest.mark.workflow, pytest.mark.usefixtures("preloaded")]

PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")


def example(heading: str) -> tuple[str, str, dict[str, Any]]:
    """File, its content, and the entries of params.yaml below a heading of the page."""
    text = re.split(r"\n##+ ", PAGE.split(f"### {heading}\n", 1)[1], maxsplit=1)[0]
    [(file, code)] = re.findall(r"`(src/gap/\S+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)
    [entries] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    return file, code, entries


FILE, CODE, ENTRIES = example("A new generator")
TRANSFORM, TRANSFORM_CODE, TRANSFORM_ENTRIES = example("A new transform")
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
    """A checkout with the examples' files; parameters as they were."""
    workspace = tiny.copy(tmp_path_factory.mktemp("extended") / "project")
    (workspace.folder / FILE).write_text(CODE, encoding="utf-8")
    (workspace.folder / TRANSFORM).write_text(TRANSFORM_CODE, encoding="utf-8")
    return workspace


def test_the_files_alone_change_no_key(tiny: Workspace, extended: Workspace) -> None:
    studies = ("demo", "small", "paper", "tiny")
    before, after = plans(tiny, *studies), plans(extended, *studies)
    assert before == after and all(len(before[study]["heavy"]) > 10 for study in ("demo", "small", "paper"))


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


@pytest.mark.nightly
def test_the_examples_are_clean_and_typed(extended: Workspace) -> None:
    for command in (["ruff", "check", FILE, TRANSFORM], ["ruff", "format", "--check", FILE, TRANSFORM], ["mypy", FILE, TRANSFORM]):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=extended.folder,
            env=extended.environment() | {"PYTHONPATH": str(extended.folder / "src"), "MYPYPATH": str(extended.folder / "src")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.nightly
def test_a_new_transform_is_trained_scored_and_shown(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Beside the ascent's runs, which stay; its checkpoints keep the base model's embeddings."""
    workspace = tiny.copy(tmp_path_factory.mktemp("transform") / "project")
    workspace.edit(studies__tiny__models__pico__layers=2)
    own = {"PYTHONPATH": str(workspace.folder / "src")}
    workspace.run("snakemake", "--cores", "2", "--quiet", "rules", **own)
    (workspace.folder / TRANSFORM).write_text(TRANSFORM_CODE, encoding="utf-8")
    workspace.edit(studies__tiny__methods=TRANSFORM_ENTRIES["methods"])
    planned = job_counts(workspace.run("snakemake", "--cores", "2", "-n", "--quiet", "rules", **own))
    assert planned["post_train"] == 1 and planned["evaluate_runs"] == 1 and not {"build_model", "sample_corpus"} & set(planned)
    workspace.run("snakemake", "--cores", "2", "--quiet", "rules", **own)
    assert list(pd.read_csv(workspace.folder / "results/tiny/tables/methods.csv")["method"]) == ["ascent", "without embeddings"]
    assert (workspace.folder / "figures/tiny/methods.png").stat().st_size > 5000

    found = json.loads(workspace.run("gap", "checkpoints", "--json", "--last", "--text", "0", **own))
    assert [row["method"] for row in found] == ["ascent", "above"]
    for row in found:
        workspace.run("gap", "materialise", row["id"], "--out", row["method"], "--device", "cpu", **own)
    base = load_file(next((workspace.folder / "data/tiny/models").glob("pico-*/model.safetensors")))
    for method, moved in (("ascent", True), ("above", False)):
        weights = load_file(workspace.folder / method / "model.safetensors")
        embeddings = [name for name in base if "embed" in name]
        assert embeddings and all(torch.equal(base[name], weights[name]) != moved for name in embeddings)
        assert not torch.equal(base["model.decoder.layers.1.fc1.weight"], weights["model.decoder.layers.1.fc1.weight"])
