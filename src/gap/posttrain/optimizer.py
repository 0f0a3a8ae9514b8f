"""The optimizer of a run: torch's own, one per bucket of weights, with its state on the device or on the host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gap.methods import OPTIMIZERS, RATES
from gap.methods.layers import depths

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from gap.params.methods import Gap
    from gap.posttrain.parameter_buckets import BucketSlice, ParameterBuckets


class BucketedOptimizer:
    """A fresh optimizer over all weights; its steps are elementwise, so one per bucket gives the bits of one for all.

    Parameters
    ----------
    parameters: the weights and their gradients.
    shares: of the learning rate, one per weight tensor (``learning_rate_shares``).
    """

    def __init__(self, parameters: ParameterBuckets, shares: Sequence[float], gap: Gap) -> None:
        self.parameters = parameters
        make = OPTIMIZERS.of(gap.optimizer).function
        self.optimizers: list[Optimizer] = []
        for bucket in parameters.buckets:
            groups: list[dict[str, Any]] = [
                {"params": [item.parameter for item in bucket if shares[item.number] == share], "lr": gap.learning_rate * share}
                for share in dict.fromkeys(shares[item.number] for item in bucket)
            ]
            self.optimizers.append(make(gap.optimizer, groups))

    def step(self, unscale: float) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        """One step on ``unscale`` times the gradients; yields the weights after and before it, bucket by bucket."""

        def step_bucket(number: int, bucket: Sequence[BucketSlice]) -> None:
            optimizer = self.optimizers[number]
            gradients = self.parameters.fetch_gradients(bucket)
            if gradients and unscale != 1.0:
                torch._foreach_mul_(gradients, unscale)
            if self.parameters.offload:
                _move_state(optimizer, "device")
            optimizer.step()
            if self.parameters.offload:
                _move_state(optimizer, "host")
            self.parameters.release_gradients(bucket)

        return self.parameters.apply(step_bucket)

    def close(self) -> None:
        """Free the state."""
        self.optimizers.clear()


def _move_state(optimizer: Optimizer, memory: str) -> None:
    """Move the state to the host, or to the device of its weights; the count of steps stays where torch put it."""
    for weight, state in optimizer.state.items():
        for name, value in state.items():
            if torch.is_tensor(value) and value.shape == weight.shape:
                state[name] = value.to("cpu" if memory == "host" else weight.device)


def learning_rate_shares(model: nn.Module, gap: Gap) -> list[float]:
    """Share of ``gap.learning_rate`` that each weight tensor gets.

    Raises
    ------
    BadInput: the shares go by layer and the model has no numbered layers.
    """
    entry = RATES.of(gap.rates)
    names = [name for name, _ in model.named_parameters()]
    if entry.name == "uniform":  # asks nothing of the names
        return [1.0] * len(names)
    return [entry.function(gap.rates, depth) for depth in depths(names, f"gap.rates {entry.name}")]
