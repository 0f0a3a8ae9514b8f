"""Other ways to compute the same scores: batch shapes, dtypes, kernels.  They differ by rounding alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from gap.evaluate.encoding.batches import Batch, ItemChunk
from gap.evaluate.encoding.encode import Layout
from gap.evaluate.engine.chunked_attention import additive_mask
from gap.evaluate.engine.scoring_model import cast_weights, open_scoring_model
from gap.evaluate.engine.split_model import SplitModel
from gap.models.precision import DTYPES, autocast

Kind = Literal["shape", "dtype", "kernel"]
BACKENDS = {"math": SDPBackend.MATH, "efficient": SDPBackend.EFFICIENT_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}


@dataclass(frozen=True)
class Variant:
    """One way to score.

    tokens: per forward pass, as a multiple of the study's (0: every row alone); attention: the model's own, ``eager``, or
    one of ``BACKENDS``; packed: whether a CPU's weights are packed once per checkpoint.
    """

    name: str
    kind: Kind
    precision: str
    tokens: float = 1.0
    layout: Layout = "tree"
    attention: str = ""
    packed: bool = True


def variants(precision: str, device: str) -> list[Variant]:
    """The study's own way first, then the others; ``precision`` is the study's."""
    study = Variant("as the study has it", "shape", precision)
    shapes = [
        replace(study, name="every row by itself", tokens=0.0),
        replace(study, name="passes four times as large", tokens=4.0),
        replace(study, name="one row per continuation", layout="plain"),
    ]
    dtypes = [replace(study, name=name, kind="dtype", precision=name) for name in DTYPES if name != precision]
    attentions = ("eager", "math", "efficient", "flash") if device == "cuda" else ("eager", "math")
    kernels = [replace(study, name=f"{name} attention", kind="kernel", attention=name) for name in attentions]
    if device != "cuda":
        kernels.append(replace(study, name="weights as they are", kind="kernel", packed=False))
    return [study, *shapes, *dtypes, *kernels]


@contextmanager
def open_variant(network: SplitModel, variant: Variant) -> Iterator[SplitModel]:
    """The network that computes by ``variant``, inside the precision and the kernels it asks for.

    Raises
    ------
    ValueError, RuntimeError: the model, or this machine, has no such kernel.
    """
    dtype = DTYPES[variant.precision]
    variant_network = open_scoring_model(network, dtype) if variant.packed else cast_weights(network, dtype)
    model = variant_network.model
    with ExitStack() as stack:
        stack.enter_context(autocast(network.model.device.type, dtype))
        if variant.attention in BACKENDS:
            stack.enter_context(sdpa_kernel([BACKENDS[variant.attention]]))
        elif variant.attention:
            stack.callback(model.set_attn_implementation, model.config._attn_implementation)
            model.set_attn_implementation(variant.attention)
        yield variant_network


def with_masks_for(chunks: list[ItemChunk], variant: Variant) -> list[ItemChunk]:
    """``chunks`` with additive masks where the variant is eager attention, which takes no others (hidden: the lowest number of fp32)."""
    if variant.attention != "eager":
        return chunks
    hidden = torch.finfo(torch.float32).min

    def eager(batch: Batch) -> Batch:
        return batch if batch.attention_mask is None else replace(batch, attention_mask=additive_mask(batch.attention_mask, hidden))

    return [replace(chunk, batches=tuple(map(eager, chunk.batches))) for chunk in chunks]
