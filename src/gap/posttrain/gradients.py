"""Where gradients and the optimizer's state wait: beside the weights, or in the host's memory (``jobs.memory: host``).

With ``host``, each gradient leaves the device as soon as the backward pass has it, and comes back with its bucket for the
step; the same operations run on the same bits, so results do not change.  The device then holds the weights, the
activations of one text and one bucket, which is what lets a model train whose weights take two fifths of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.nn import Parameter
    from torch.optim import Optimizer

#: Weights per bucket; a larger tensor is a bucket of its own.  No result depends on it.
BUCKET = 1 << 24


def buckets(weights: Sequence[Tensor]) -> list[range]:
    """Consecutive tensors of at most ``BUCKET`` weights together, as ranges of their numbers."""
    cuts, filled = [0], 0
    for number, weight in enumerate(weights):
        if number > cuts[-1] and filled + weight.numel() > BUCKET:
            cuts.append(number)
            filled = 0
        filled += weight.numel()
    return [range(first, last) for first, last in zip(cuts, [*cuts[1:], len(weights)], strict=True)]


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
            gradient = weight.grad.to("cpu")
            self.away[number] = gradient if number not in self.away else self.away[number].add_(gradient)
            weight.grad = None

        return move

    def fetch(self, numbers: range) -> list[Tensor]:
        """Put the gradients of these weights where the optimizer looks for them; those that have one, in order."""
        found = []
        for number in numbers:
            weight = self.weights[number]
            if number in self.away:
                weight.grad = self.away[number].to(weight.device)
            if weight.grad is not None:
                found.append(weight.grad)
        return found

    def leave(self, numbers: range) -> None:
        """Let the device forget gradients that the host keeps."""
        if self.host:
            for number in numbers:
                self.weights[number].grad = None

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
