"""What a job fetches from a network, as far as anybody can tell before it does."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.locations import DOWNLOADS, mirror
from gap.fetch.upstream import FOLDER
from gap.params.existing import GgufModel, HubModel, PackageModel
from gap.params.sources import AuthorsSource, HubSource

if TYPE_CHECKING:
    from gap.params.study import Study
    from gap.plan.cost.jobs import Job

#: Bytes per weight of a download: OPT on the hub in half precision; a GGUF file in about 4 bits (SmolLM2 0.8, Gemma 3 270M 0.9).
HALF, FOUR_BITS = 2.0, 0.85


def downloads(study: Study | None, job: Job, weights: float) -> list[tuple[str, float]]:
    """What a job fetches: name and bytes; 0 where it is here already, NaN where nobody knows.  No study: the authors' files."""
    name = job.timing.rpartition("/")[2]
    if study is None:
        relative = job.timing.removeprefix("upstream/")
        return [(relative, 0.0 if _upstream_here(relative) else math.nan)] if job.stage == "fetch_upstream" else []
    if job.stage == "build_model":
        return _model_download(study.models[name], weights)
    if job.stage == "fetch_items" and study.items.kind == "hub":
        return [(name, math.nan)]
    if job.stage == "sample_corpus":
        source = study.sources[study.corpora[name.rpartition("-")[0]].source]
        if isinstance(source, HubSource):
            return [(source.dataset, math.nan)]
        if isinstance(source, AuthorsSource):
            here = _upstream_here("data/train_data")
            return [(f"the authors' {source.name}", 0.0 if here else math.nan)]
    return []


def _upstream_here(relative: str) -> bool:
    roots = [DOWNLOADS / FOLDER, *([root / FOLDER] if (root := mirror()) else [])]
    return any((root / relative).exists() for root in roots)


def _model_download(model: Any, weights: float) -> list[tuple[str, float]]:
    if isinstance(model, PackageModel):
        return [(model.parts[0].package, 0.0 if (DOWNLOADS / f"{model.sha256}.gguf").exists() else FOUR_BITS * weights)]
    if isinstance(model, HubModel) or (isinstance(model, GgufModel) and model.id):
        here = (hub_cache() / f"models--{model.id.replace('/', '--')}" / "snapshots" / str(model.revision)).exists()
        return [(model.id, 0.0 if here else weights * (HALF if isinstance(model, HubModel) else FOUR_BITS))]
    return []


def hub_home() -> Path:
    """Where the hub's library keeps its token and, by default, what it fetched (its own rule: HF_HOME, else below the home folder)."""
    return Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface").expanduser()


def hub_cache() -> Path:
    """Where the hub's library keeps what it fetched."""
    return Path(os.environ.get("HF_HUB_CACHE") or hub_home() / "hub").expanduser()
