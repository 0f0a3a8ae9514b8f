"""Attention on a CPU in slices of queries, each with the keys up to its own end.

Keys behind a query are never seen (in a tree, too, parents stand before children), but a CPU's kernel multiplies them all the
same and masks them.  Slices leave most of them out.  Decoding is computed in fp32: for one query per row the kernel takes more
than twice as long in bf16 where a processor has no matrix units.
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


def sliced_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **more: Any
) -> tuple[Tensor, None]:
    """What transformers' ``sdpa`` attention gives, [rows, width, heads, size], where no place sees one behind it.

    query: [rows, heads, width, size]; key and value: [rows, key heads, length, size]; attention_mask: bool or added,
    [rows, 1, width, length], or None for a causal one.  Fewer queries than keys (decoding) are no slices, and are computed in
    fp32 under autocast too, without a copy where ``key`` and ``value`` are in it.
    """
    width = query.shape[2]
    if width != key.shape[2]:
        with torch.autocast(query.device.type, enabled=False):
            return sdpa_attention_forward(module, query.float(), key.float(), value.float(), attention_mask, **more)
    if width <= SLICE:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **more)
    # every layer of a pass asks for the same: what the kernel would make of a mask each time
    masks = PASS_CACHE.of(("masks", width, query.dtype), attention_mask, lambda: _slices(attention_mask, query))
    parts = []
    for place, mask in enumerate(masks):
        first, end = place * SLICE, min((place + 1) * SLICE, width)
        parts.append(sdpa_attention_forward(module, query[:, :, first:end], key[:, :, :end], value[:, :, :end], mask, **more)[0])
    return torch.cat(parts, dim=1), None


def _slices(mask: Tensor | None, query: Tensor) -> list[Tensor]:
    """Per slice of ``query`` [rows, heads, width, size] what is added to its products, [rows, 1, at most SLICE, keys], in its dtype.

    mask: bool (which places a place sees) or added, [rows, 1, width, width]; None for a causal one.
    """
    width = query.shape[2]
    whole = torch.ones(1, 1, width, width, dtype=torch.bool, device=query.device).tril() if mask is None else mask
    if whole.dtype == torch.bool:
        whole = torch.zeros(whole.shape, dtype=query.dtype, device=query.device).masked_fill_(~whole, -torch.inf)
    return [whole[..., first : first + SLICE, : min(first + SLICE, width)] for first in range(0, width, SLICE)]


AttentionInterface.register(SLICED, sliced_attention)
AttentionMaskInterface.register(SLICED, sdpa_mask)
