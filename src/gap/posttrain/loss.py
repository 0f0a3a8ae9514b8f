"""The loss of a text, and the objective whose gradient is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from gap.methods import OBJECTIVES
from gap.models.precision import DTYPES, autocast
from gap.params.methods import Gap

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def text_losses(model: PreTrainedModel, ids: Tensor, gap: Gap, update: int) -> tuple[Tensor, Tensor]:
    """Mean NLL (nats) of tokens 1 to n - 1 of ``ids`` [n], each given those before it, and the objective; both scalars.

    fp32 behind the logits.  ``update`` counts from 1.
    """
    places = torch.arange(len(ids), device=ids.device)[None]  # given, they spare a sum that has no deterministic CUDA kernel
    with autocast(ids.device.type, DTYPES[gap.precision]):
        logits = model(input_ids=ids[None], position_ids=places, use_cache=False).logits
    logits, targets = logits[0, :-1].float(), ids[1:]
    nll = functional.cross_entropy(logits, targets)
    return nll, OBJECTIVES.of(gap.objective).function(gap.objective, nll, logits, targets, update)
