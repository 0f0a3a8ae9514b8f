"""Greedy decoding without a cache: every new token comes from a pass over all that stands before it.

Slow, but right for every causal model: rows are padded behind their last token, where nothing before them looks.  Decoding with
a cache needs a mask and position ids that the model heeds; not every family does (ALiBi, windows of attention, recurrent states).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Logits [rows, vocabulary] of right-padded ids [rows, width] at one position of each row [rows].
LogitsAt = Callable[[Tensor, Tensor], Tensor]


def decode_without_cache(
    logits_at: LogitsAt, prompts: Tensor, lengths: Tensor, steps: int, *, table: Tensor | None = None, limit: int | None = None
) -> Tensor:
    """Greedy token ids [rows, at most ``steps``] behind ``prompts`` [rows, width], of which the first ``lengths`` [rows] tokens count.

    ``table`` maps state and token to the next state, [states, vocabulary]; decoding stops when all rows are in the last one.
    No row gets longer than ``limit`` tokens; what it says beyond means nothing.
    """
    rows, longest = torch.arange(len(prompts), device=prompts.device), int(lengths.max())
    width = longest + steps if limit is None else min(longest + steps, limit)
    ids = torch.cat([prompts[:, :longest], prompts.new_zeros(len(prompts), width - longest)], dim=1)
    columns = (lengths[:, None] + torch.arange(steps, device=ids.device)).clamp(max=width - 1)  # of the new tokens
    state = torch.zeros_like(lengths)
    for step in range(steps):
        place = columns[:, step]
        token = logits_at(ids[:, : min(longest + step, width)], place - 1).argmax(-1)
        ids[rows, place] = token
        if table is not None:
            state = table[state, token]
            if bool((state == len(table) - 1).all()):
                return ids.gather(1, columns[:, : step + 1])
    return ids.gather(1, columns)
