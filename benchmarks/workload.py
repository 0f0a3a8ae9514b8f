"""What the benchmarks score: models of OPT's shapes with random weights, real items where a mirror is at hand."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml

from gap.fetch.items import fetch_items
from gap.models.tokenizer import load_tokenizer
from gap.params.items import Items, TaskJob
from gap.params.sources import StdlibSource
from gap.params.tokenizers import TokenizerFiles, TokenizerJob, TokenizerTrained
from gap.pretrain.build_tokenizer import build_tokenizer
from gap.tasks.items import Item, load_items
from gap.tasks.registry import TASKS

#: hidden size, layers, heads, width of the embeddings, layer norm in front (OPT's published configurations).
SHAPES = {
    "tiny": (64, 2, 4, 64, True),
    "opt-125m": (768, 12, 12, 768, True),
    "opt-350m": (1024, 24, 16, 512, False),
    "opt-1.3b": (2048, 24, 32, 2048, True),
    "opt-2.7b": (2560, 32, 32, 2560, True),
}
VOCABULARY = 50272
#: The paper's tasks, in its order.
NAMES = yaml.safe_load((Path(__file__).resolve().parents[1] / "params.yaml").read_text(encoding="utf-8"))["tasks"]
CHOICE = [name for name in NAMES if TASKS[name].group == "classification"]
DIALOGUE = [name for name in NAMES if TASKS[name].group == "dialogue"]


def mirror() -> Path | None:
    """The folder of public data: GAP_MIRROR, or the one that .ci/run looks for."""
    beside = Path(__file__).resolve().parents[2] / "shared/data"
    named = os.environ.get("GAP_MIRROR")
    return Path(named) if named else beside if beside.is_dir() else None


def make_model(shape: str, device: str, seed: int = 0) -> Any:
    """An OPT of that shape with random weights (fp32), the same on every call."""
    from transformers import OPTConfig, OPTForCausalLM

    hidden, layers, heads, embedding, before = SHAPES[shape]
    config = OPTConfig(
        vocab_size=VOCABULARY, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, ffn_dim=4 * hidden,
        word_embed_proj_dim=embedding, do_layer_norm_before=before, max_position_embeddings=2048, dropout=0.0, init_std=0.05,
    )  # fmt: skip
    torch.manual_seed(seed)
    with torch.device(device):
        return OPTForCausalLM(config).eval()


def parameters_of(shape: str) -> int:
    """How many weights a model of that shape has."""
    return sum(one.numel() for one in make_model(shape, "meta").parameters())


@dataclass(frozen=True)
class Workload:
    """Items by task, the tokenizer, where both come from, and the folder of the item files."""

    items: dict[str, list[Item]]
    tokenizer: Any
    source: str
    folder: Path


def workload(count: int, tasks: tuple[str, ...]) -> Workload:
    """The first ``count`` validation items of each task, with OPT's tokenizer; the shipped miniatures without a mirror."""
    return workload_of(count, tasks, "validation")


@cache
def workload_of(count: int, tasks: tuple[str, ...], split: str) -> Workload:
    """The same of any split."""
    folder, place = Path(tempfile.mkdtemp(prefix="gap-bench-")), mirror()
    if place is not None:
        os.environ["GAP_MIRROR"] = str(place)
        items, tokenizer = Items(kind="folder", path="mirror:"), TokenizerFiles(kind="files", path="mirror:tokenizer/opt")
        sources: dict[str, Any] = {}
    else:
        items, sources = Items(kind="miniature"), {"docs": StdlibSource(kind="stdlib", content="docs", heldout=0.0)}
        tokenizer = TokenizerTrained(kind="train", mixture={"docs": 1.0}, vocab_size=8192, max_bytes=4_000_000)
    build_tokenizer(TokenizerJob(name="opt", tokenizer=tokenizer, sources=sources, seed=0), folder / "tokenizer")
    found = {}
    for task in tasks:
        path = folder / f"{task}.jsonl"
        fetch_items(TaskJob(task=task, split=split, items=items), path)
        found[task] = load_items(task, path, count)
    source = "real items, OPT's tokenizer" if place else "miniature items, a small tokenizer (set GAP_MIRROR for the real ones)"
    return Workload(found, load_tokenizer(folder / "tokenizer"), source, folder)
