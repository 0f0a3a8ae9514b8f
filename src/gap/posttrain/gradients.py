"""Gradients and the optimizer's state, in flat pieces of the weights, and where they wait.

An update works bucket by bucket.  A bucket is some neighbouring pieces of weights; none is larger than a small part of the
model, so what an update needs besides weights, gradients and state (the weights as they were, what the optimizer computes
on the way) stays small however large a single tensor is.

With ``host`` (``jobs.memory: host``), each gradient leaves the device as soon as the backward pass has it, and comes back
piece by piece for the step; the same operations run on the same bits, so results do not change.  The device then holds the
weights, the activations of one text and one bucket, which is what lets a model train whose weights take two fifths of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gap.models.sharding import local_shard, shard_offset

if TYPE_CHECKING:
    from torch.nn import Parameter
    from torch.optim import Optimizer

#: A bucket is at most this part of the weights, but not smaller or larger than so many.  No result depends on it.
PART, SMALLEST, LARGEST = 64, 1 << 20, 1 << 24


@dataclass(frozen=True)
class Piece:
    """Flat part of weight tensor ``number`` that begins behind ``start`` of its weights; ``size`` is all of the tensor's.

    ``weights`` is a parameter over the same memory, for the optimizer; ``own`` is where it begins in the rows that this process holds.
    """

    number: int
    start: int
    size: int
    own: int
    weights: Parameter


def buckets(weights: Sequence[Parameter]) -> list[list[Piece]]:
    """This process's rows of all weights in order, cut into buckets; only a tensor larger than a bucket is cut itself."""
    room = min(LARGEST, max(SMALLEST, sum(weight.numel() for weight in weights) // PART))
    found: list[list[Piece]] = [[]]
    filled = 0
    for number, weight in enumerate(weights):
        share = local_shard(weight.detach())
        for own in range(0, share.numel(), room):
            part = share.view(-1)[own : own + room]
            if found[-1] and filled + part.numel() > room:
                found.append([])
                filled = 0
            found[-1].append(Piece(number, shard_offset(weight) + own, weight.numel(), own, nn.Parameter(part)))
            filled += part.numel()
    return found


class Gradients:
    """The gradients of ``weights`` between backward pass and step."""

    def __init__(self, weights: Sequence[Parameter], host: bool) -> None:
        self.weights, self.host = list(weights), host
        self.away: dict[int, Tensor] = {}
        self.hooks = (
            [weight.register_post_accumulate_grad_hook(self._leave(number)) for number, weight in enumerate(weights)] if host else []
        )

    def _leave(self, number: int) -> Any:
        def move(weight: Tensor) -> None:
            assert weight.grad is not None
            gradient = local_shard(weight.grad).to("cpu")
            self.away[number] = gradient if number not in self.away else self.away[number].add_(gradient)
            weight.grad = None

        return move

    def _of(self, number: int) -> Tensor | None:
        if number in self.away:
            return self.away[number]
        gradient = self.weights[number].grad
        return None if gradient is None else local_shard(gradient)

    def fetch(self, bucket: Sequence[Piece]) -> list[Tensor]:
        """Put the gradients of these pieces where the optimizer looks for them; those that have one, in order."""
        found = []
        for piece in bucket:
            gradient = self._of(piece.number)
            if gradient is not None:
                part = gradient.reshape(-1)[piece.own : piece.own + piece.weights.numel()]
                piece.weights.grad = part.to(piece.weights.device)
                found.append(piece.weights.grad)
        return found

    def leave(self, bucket: Sequence[Piece]) -> None:
        """Take them away again; what the host keeps is then on the device no more."""
        for piece in bucket:
            piece.weights.grad = None

    def clear(self) -> None:
        """Forget all."""
        self.away.clear()
        for weight in self.weights:
            weight.grad = None

    def close(self) -> None:
        """Forget all, and let the weights go."""
        self.clear()
        for hook in self.hooks:
            hook.remove()


def move_state(optimizer: Optimizer, host: bool) -> None:
    """Bring the optimizer's state to the host, or to its weights; the count of steps stays where torch put it."""
    for weight, state in optimizer.state.items():
        for name, value in state.items():
            if torch.is_tensor(value) and value.shape == weight.shape:
                state[name] = value.to("cpu" if host else weight.device)
