"""Attention on a CPU in slices of queries, each with the keys up to its own end; and additive masks.

Keys behind a query are never visible to it (in a prefix tree, too, parents stand before children), but a CPU's kernel multiplies
them all the same and masks them.  Slices leave most of them out.  Decoding is computed in fp32: for one query per row the kernel
takes more than twice as long in bf16 where a processor has no matrix units.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from gap.evaluate.engine.pass_cache import PASS_CACHE

#: The name of this attention among transformers' own.
SLICED = "sliced"
#: Queries per slice: the CPU kernel's own block of queries where there are few.
SLICE = 32


def additive_mask(mask: Tensor, hidden: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """``mask`` (bool, True where a key is visible) as what is added to the products: 0 there, ``hidden`` elsewhere; same shape."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, hidden)


def sliced_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **more: Any
) -> tuple[Tensor, None]:
    """What transformers' ``sdpa`` attention gives, [rows, width, heads, size], where no query sees a key behind it.

    query: [rows, heads, width, size]; key and value: [rows, key heads, length, size]; attention_mask: bool or additive,
    [rows, 1, width, length], or None for a causal one.  Fewer queries than keys (decoding) are not sliced, and are computed in
    fp32 under autocast too, without a copy where ``key`` and ``value`` are in it.
    """
    width = query.shape[2]
    if width != key.shape[2]:
        with torch.autocast(query.device.type, enabled=False):
            return sdpa_attention_forward(module, query.float(), key.float(), value.float(), attention_mask, **more)
    if width <= SLICE:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **more)
    # every layer of a pass asks for the same: what the kernel would make of a mask each time
    masks = PASS_CACHE.get(("masks", width, query.dtype), attention_mask, lambda: _mask_slices(attention_mask, query))
    outputs = []
    for number, mask in enumerate(masks):
        first, end = number * SLICE, min((number + 1) * SLICE, width)
        outputs.append(sdpa_attention_forward(module, query[:, :, first:end], key[:, :, :end], value[:, :, :end], mask, **more)[0])
    return torch.cat(outputs, dim=1), None


def _mask_slices(mask: Tensor | None, query: Tensor) -> list[Tensor]:
    """Per slice of ``query`` [rows, heads, width, size] its additive mask, [rows, 1, at most SLICE, keys], in the dtype of ``query``.

    mask: bool or additive, [rows, 1, width, width]; None for a causal one.
    """
    width = query.shape[2]
    full = torch.ones(1, 1, width, width, dtype=torch.bool, device=query.device).tril() if mask is None else mask
    if full.dtype == torch.bool:
        full = additive_mask(full, -torch.inf, query.dtype)
    return [full[..., first : first + SLICE, : min(first + SLICE, width)] for first in range(0, width, SLICE)]


AttentionInterface.register(SLICED, sliced_attention)
AttentionMaskInterface.register(SLICED, sdpa_mask)
