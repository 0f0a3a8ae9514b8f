"""Study demo as if finished: its own plan, small files in place of what jobs compute, and records as the jobs write them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gap.core.checksums import record_of
from gap.core.digest import file_digest
from gap.core.files import write_json, write_text
from gap.core.folder import filling
from gap.params.load import read_params
from gap.plan.graph import Graph, open_graph
from gap.plan.light import write_record
from gap.plan.stages import models
from gap.runtime.provenance import write_provenance

ROOT = Path(__file__).resolve().parents[2]
#: What a checkout has that the plan and the crate read.
TRACKED = (
    "params.yaml",
    "preregistration.yaml",
    "sources.lock.json",
    "constraints.txt",
    "CITATION.cff",
    "LICENSE",
    "Snakefile",
    "workflow",
)
STAGES = {"corpora": "corpora", "items": "fetch-items", "features": "describe", "runs": "posttrain", "scores": "evaluate"}


def finish(folder: Path) -> Graph:
    """Fill ``folder``, which becomes the working directory of this process, with study demo."""
    for name in TRACKED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    os.chdir(folder)
    graph = open_graph({**read_params(Path("params.yaml")), "study": "demo"})
    graph.save()
    for name in graph.plan.study.models:
        _model(models.path(graph.plan, name).parent, name)
    for name in graph.heavy:
        _heavy(Path(name))
    for name, stage in graph.stages.items():
        for path in stage.outputs.values():
            write_text(path, f"{path}\n")
        write_record(Path(graph.record(name)))
    write_text(Path("results/demo/timing/aggregate.tsv"), "s\th:m:s\tmax_rss\n1.5\t0:00:01\t200\n")
    return graph


def _model(folder: Path, name: str) -> None:
    with filling(folder, "provenance.json") as made:
        for file in models.FILES:
            write_text(made / file, f"{name} {file}\n")
        write_provenance(made / "provenance.json", "models", {"name": name, "model": {"kind": "pretrain"}}, weights="0" * 16)


def _heavy(path: Path) -> None:
    kind = path.parts[2] if path.parts[0] == "results" else path.parts[1 + 1]
    if kind == "tokenizers":
        with filling(path.parent, path.name) as made:
            write_json(made / path.name, {})
    elif kind in STAGES:
        write_text(path, f"{path}\n")
        settings = {"made": path.name, "code": {"gap.evaluate.job": "v6"}} if kind == "scores" else {"made": path.name}
        write_provenance(record_of(path), STAGES[kind], settings, sha256=file_digest(path))
