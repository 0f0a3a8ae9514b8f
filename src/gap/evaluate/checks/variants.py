"""Other ways to compute the same scores: batch shapes, dtypes, kernels.  What differs between them is rounding alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from gap.evaluate.encoding.batches import ItemChunk
from gap.evaluate.encoding.encode import Layout
from gap.evaluate.engine.cast_weights import with_scoring_model
from gap.evaluate.engine.scoring_model import cast_scoring_model, open_scoring_model
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
    own = Variant("as the study has it", "shape", precision)
    shapes = [
        replace(own, name="every row by itself", tokens=0.0),
        replace(own, name="passes four times as large", tokens=4.0),
        replace(own, name="one row per continuation", layout="plain"),
    ]
    dtypes = [replace(own, name=name, kind="dtype", precision=name) for name in DTYPES if name != precision]
    kernels = [replace(own, name=f"{name} attention", kind="kernel", attention=name) for name in ("eager", "math")]
    if device == "cuda":
        kernels += [replace(own, name=f"{name} attention", kind="kernel", attention=name) for name in ("efficient", "flash")]
    else:
        kernels.append(replace(own, name="weights as they are", kind="kernel", packed=False))
    return [own, *shapes, *dtypes, *kernels]


@contextmanager
def opened(network: SplitModel, variant: Variant) -> Iterator[SplitModel]:
    """The network that computes by ``variant``, inside the precision and the kernels it asks for.

    Raises
    ------
    ValueError, RuntimeError: the model, or this machine, has no such kernel.
    """
    dtype = DTYPES[variant.precision]
    twin = open_scoring_model(network, dtype) if variant.packed else cast_scoring_model(network, dtype)
    used = with_scoring_model(network, twin)
    before = used.model.config._attn_implementation
    with ExitStack() as stack:
        stack.enter_context(autocast(network.model.device.type, dtype))
        if variant.attention in BACKENDS:
            stack.enter_context(sdpa_kernel([BACKENDS[variant.attention]]))
        elif variant.attention:
            used.model.set_attn_implementation(variant.attention)
            stack.callback(used.model.set_attn_implementation, before)
        yield used


def suited(blocks: list[ItemChunk], variant: Variant) -> list[ItemChunk]:
    """Eager attention adds its mask: 0 where a place is seen, a very negative number elsewhere; the others take what is."""
    if variant.attention != "eager":
        return blocks
    lowest = torch.finfo(torch.float32).min

    def added(mask: Any) -> Any:
        return None if mask is None else torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, lowest)

    return [replace(block, batches=tuple(replace(batch, mask=added(batch.mask)) for batch in block.batches)) for block in blocks]
