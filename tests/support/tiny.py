"""A tiny tokenizer, tiny random OPTs and small tables for the tests of models, post-training and checkpoints."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from gap.core.digest import text_digest
from gap.core.tables import write_table
from gap.params.methods import Gap, Method
from gap.params.one_text import PAPER
from gap.params.sources import FilesSource
from gap.params.tokenizers import TokenizerJob, TokenizerTrained

TEXT = "signal motor garden paper river kitchen window letter engine forest planet button market bridge copper silver winter summer"
WORDS = TEXT.split()


def essay(seed: int, words: int) -> str:
    source = random.Random(seed)
    return " ".join(source.choice(WORDS) for _ in range(words)) + "."


def text_file(folder: Path, seed: int = 0, documents: int = 60, words: int = 60) -> FilesSource:
    path = folder / f"text-{seed}-{documents}-{words}.txt"
    path.write_text("\n\n".join(essay(seed * 1000 + number, words) for number in range(documents)), encoding="utf-8")
    return FilesSource(kind="files", paths=[str(path)])


def make_tokenizer(folder: Path, source: FilesSource, vocab_size: int = 320) -> Path:
    from gap.pretrain.build_tokenizer import build_tokenizer

    settings = TokenizerTrained(kind="train", mixture={"text": 1.0}, vocab_size=vocab_size, max_bytes=100_000)
    build_tokenizer(TokenizerJob(name="tiny", tokenizer=settings, sources={"text": source}, seed=0), folder)
    return folder


def make_model(folder: Path, tokenizer: Path | None = None, seed: int = 0, dtype: Any = None, **settings: Any) -> Path:
    """Save a random OPT: two layers, width 16, 340 embeddings, 64 positions, dropout as OPT's default (0.1)."""
    import shutil

    import torch
    from transformers.models.opt.configuration_opt import OPTConfig
    from transformers.models.opt.modeling_opt import OPTForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    shape = {
        "vocab_size": 340,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "ffn_dim": 32,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    }
    torch.manual_seed(seed)
    model: Any = OPTForCausalLM(OPTConfig(**{**shape, "word_embed_proj_dim": 16, "init_std": 0.2, **settings}))
    (model if dtype is None else model.to(dtype)).save_pretrained(folder)
    for path in tokenizer.iterdir() if tokenizer else ():
        shutil.copyfile(path, folder / path.name)
    return folder


def gap(**changes: Any) -> Gap:
    """The paper's settings in fp32; Adam's own settings may be given by name."""
    adam = dict(PAPER["optimizer"])
    adam |= {key: changes.pop(key) for key in list(changes) if key in adam}
    return Gap.model_validate({**PAPER, "optimizer": adam, "texts": 2, **changes})


def method(transforms: list[dict[str, Any]] | None = None, combine: dict[str, Any] | None = None, **changes: Any) -> Method:
    """``gap(**changes)`` as a method."""
    return Method.model_validate({"gap": gap(**changes), "transforms": transforms or [], "combine": combine})


def updates(model: Any, ids: Any, gap: Gap, count: int) -> Iterator[Any]:
    """``run_updates`` on one text from the weights that ``model`` has now."""
    from gap.models.weights import Snapshot
    from gap.posttrain.run import run_updates

    return run_updates(Snapshot(model, compact=True), [ids], gap, count)


def texts_table(path: Path, corpus: str, texts: list[str]) -> Path:
    rows = [
        {
            "corpus": corpus,
            "text": index,
            "string": text,
            "tokens": 1,
            "source": "made up",
            "document": str(index),
            "hash": text_digest(text),
        }
        for index, text in enumerate(texts)
    ]
    write_table(pd.DataFrame(rows), path, "texts")
    return path
