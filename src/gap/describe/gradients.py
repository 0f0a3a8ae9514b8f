"""The gradient of all weights, of token sequences with predicted ends, as one vector, and the cosine between two of them.

To first order a small step up the loss of a text changes the loss of a task by the step length times the product of both
gradients; their cosine is that product without the lengths (compare the gradient similarity of Lopez-Paz and Ranzato 2017,
*Gradient Episodic Memory*, and of Charpiat et al. 2019, *Input Similarity from the Neural Network Perspective*).  So where it
is negative, climbing the text's loss lowers the task's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gap.core.errors import BadInput
from gap.models.pairs import encode_pairs
from gap.models.sharding import local_shard, shard_like
from gap.models.tokenizer import opening_id
from gap.runtime.process_group import all_reduce_sum
from gap.tasks.items import Item, MultipleChoice

#: Numbers that are widened to fp64 at once.  The order of a sum, hence its last bits, depends on it.
SLICE = {"cpu": 1 << 18, "cuda": 1 << 24}


@dataclass(frozen=True)
class Target:
    """Token ids, and how many of them, counted from the end, are predicted."""

    ids: tuple[int, ...]
    predicted: int


def targets(items: Sequence[Item], tokenizer: Any, max_length: int) -> list[Target]:
    """The opening token, each item's context and its gold continuation, encoded as scoring does (``gap.models.pairs``).

    Of dialogues: the prompt and the reference answer behind a space.  What exceeds ``max_length`` tokens is cut from the left.

    Raises
    ------
    BadInput: a continuation without tokens.
    """
    pairs = [_pair(item) for item in items]
    opening, sequences = opening_id(tokenizer), []
    for index, (context, answer) in enumerate(encode_pairs(tokenizer, pairs)):
        if not answer:
            raise BadInput(f"item {index}", "a continuation without tokens", "at least one token", "Remove the item.")
        ids = (opening, *context, *answer)[-max_length:]
        sequences.append(Target(ids, min(len(answer), len(ids) - 1)))
    return sequences


def _pair(item: Item) -> tuple[str, str]:
    if isinstance(item, MultipleChoice):
        return item.context, item.continuations[item.gold]
    return item.prompt, f" {item.reference}"


def mean_nll(model: Any, target: Target) -> Tensor:
    """Mean NLL (nats, fp32) of the predicted tokens; logits are made for their positions only where the model can."""
    device = next(model.parameters()).device
    ids = torch.tensor(target.ids, device=device)
    fed = ids[None, :-1]
    positions = torch.arange(fed.shape[1], device=device)[None]
    logits = model(input_ids=fed, position_ids=positions, use_cache=False, logits_to_keep=target.predicted).logits
    return functional.cross_entropy(logits[0, -target.predicted :].float(), ids[-target.predicted :])


class FlatGradient:
    """A buffer, fp32 [weights], that the gradients of all parameters of a model are views of.

    Parameters stand in the order of ``model.parameters()``, tied ones once.  Resident beside the weights: one gradient.  Where
    devices share the model, each holds the gradient of its rows.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        weights = [(weight, local_shard(weight.detach())) for weight in model.parameters()]
        self.buffer = torch.zeros(sum(shard.numel() for _, shard in weights), device=weights[0][1].device)
        start = 0
        for weight, shard in weights:
            weight.grad = shard_like(weight, self.buffer[start : start + shard.numel()].view_as(shard))
            start += shard.numel()

    @torch.enable_grad()
    def of(self, targets: Sequence[Target]) -> Tensor:
        """Gradient of the mean over ``targets`` of their mean token NLL, [weights]; one backward pass per target, summed in their order.

        The same buffer at every call: copy it to keep it.
        """
        self.buffer.zero_()
        for target in targets:
            (mean_nll(self.model, target) / len(targets)).backward()
        return self.buffer


def dot(first: Tensor, second: Tensor) -> float:
    """Dot product of two vectors (of which each process of a group holds its part), accumulated in fp64, slice by slice in their order."""
    size = SLICE.get(first.device.type, SLICE["cpu"])
    total = torch.zeros((), dtype=torch.float64, device=first.device)
    for start in range(0, len(first), size):
        part = slice(start, start + size)
        total += torch.dot(first[part].double(), second[part].double())
    return float(all_reduce_sum(total))


def cosine(product: float, first: float, second: float) -> float:
    """Cosine of the angle between two vectors by their product and their squared lengths; NaN where one is zero or not finite."""
    lengths = math.sqrt(first) * math.sqrt(second)
    return product / lengths if lengths > 0 and math.isfinite(lengths) else float("nan")
