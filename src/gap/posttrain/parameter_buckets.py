"""All weights of a model in buckets, and their gradients, on the device or on the host.

A bucket is some neighbouring slices of weight tensors.  None is larger than a small part of the model, so the copy of a
bucket that an update needs, and what the optimizer computes on it, stay small however large a single tensor is.

With ``offload`` (``jobs.memory: host``) each gradient moves to the host as soon as the backward pass has it, and comes back
bucket by bucket for the step.  The same operations run on the same bits, so results do not change.  The device then holds
the weights, the activations of one text and one bucket, so a model trains whose weights take two fifths of the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gap.models.sharding import local_shard, shard_offset
from gap.runtime.process_group import all_reduce_norm

if TYPE_CHECKING:
    from torch.nn import Parameter

#: A bucket is at most this part of the weights, but not smaller or larger than so many.  No result depends on it.
PART, SMALLEST, LARGEST = 64, 1 << 20, 1 << 24
#: Values whose norm is taken in fp32.
NORM_ROW = 4096


@dataclass(frozen=True)
class BucketSlice:
    """Flat slice of weight tensor ``number``.

    start, local_start: weights in front of it, in the whole tensor and in the rows that this process holds.
    parameter: a parameter [weights] over the same memory, for the optimizer.
    """

    number: int
    start: int
    local_start: int
    parameter: Parameter


def cut_into_buckets(weights: Sequence[Parameter]) -> list[list[BucketSlice]]:
    """This process's rows of all weights in order, cut into buckets; only a tensor larger than a bucket is cut itself."""
    capacity = min(LARGEST, max(SMALLEST, sum(weight.numel() for weight in weights) // PART))
    buckets: list[list[BucketSlice]] = [[]]
    filled = 0
    for number, weight in enumerate(weights):
        shard = local_shard(weight.detach())
        for start in range(0, shard.numel(), capacity):
            values = shard.view(-1)[start : start + capacity]
            if buckets[-1] and filled + values.numel() > capacity:
                buckets.append([])
                filled = 0
            buckets[-1].append(BucketSlice(number, shard_offset(weight) + start, start, nn.Parameter(values)))
            filled += values.numel()
    return buckets


class ParameterBuckets:
    """The weights of a model and, between backward pass and step, their gradients.

    Parameters
    ----------
    weights: the model's parameters, tied ones once.
    offload: whether gradients stay on the host between backward pass and step.
    """

    def __init__(self, weights: Sequence[Parameter], *, offload: bool = False) -> None:
        self.weights, self.offload = list(weights), offload
        self.buckets = cut_into_buckets(self.weights)
        self.on_host: dict[int, Tensor] = {}
        hooked = enumerate(self.weights if offload else ())
        self.hooks = [weight.register_post_accumulate_grad_hook(partial(self._move_to_host, number)) for number, weight in hooked]

    def _move_to_host(self, number: int, weight: Tensor) -> None:
        assert weight.grad is not None
        gradient = local_shard(weight.grad).to("cpu")
        self.on_host[number] = gradient if number not in self.on_host else self.on_host[number].add_(gradient)
        weight.grad = None

    def _gradient(self, number: int) -> Tensor | None:
        if number in self.on_host:
            return self.on_host[number]
        gradient = self.weights[number].grad
        return None if gradient is None else local_shard(gradient)

    def fetch_gradients(self, bucket: Sequence[BucketSlice]) -> list[Tensor]:
        """Set ``parameter.grad`` of these slices, on the device; returns the gradients of those that have one, in order."""
        gradients = []
        for item in bucket:
            whole = self._gradient(item.number)
            if whole is not None:
                values = whole.reshape(-1)[item.local_start : item.local_start + item.parameter.numel()]
                item.parameter.grad = values.to(item.parameter.device)
                gradients.append(item.parameter.grad)
        return gradients

    def release_gradients(self, bucket: Sequence[BucketSlice]) -> None:
        """Unset ``parameter.grad``; what the host keeps is then no longer on the device."""
        for item in bucket:
            item.parameter.grad = None

    def grad_norm(self) -> Tensor:
        """L2 norm of the gradient of all weights, fp64, a scalar."""
        norms: list[Tensor] = []
        for bucket in self.buckets:
            gradients = self.fetch_gradients(bucket)
            norms += map(l2_norm, gradients)
            self.release_gradients(bucket)
        return all_reduce_norm(torch.linalg.vector_norm(torch.stack(norms)))

    def apply(self, change: Callable[[int, Sequence[BucketSlice]], None]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        """Let ``change`` (number of the bucket, its slices) change one bucket after the other in place.

        Yields each bucket's weights after and before it, flat slices [weights] each.
        """
        for number, bucket in enumerate(self.buckets):
            after = [item.parameter.detach() for item in bucket]
            before = [tensor.clone() for tensor in after]
            change(number, bucket)
            yield after, before

    def zero_grad(self) -> None:
        """Free all gradients."""
        self.on_host.clear()
        for weight in self.weights:
            weight.grad = None

    def close(self) -> None:
        """Free all gradients and remove the hooks from the weights."""
        self.zero_grad()
        for hook in self.hooks:
            hook.remove()


def l2_norm(values: Tensor) -> Tensor:
    """L2 norm of ``values``, fp64, a scalar: of rows in fp32, of these in fp64.

    One fp32 sum over all of them is 1e-4 too small at 4 million values; fp64 throughout takes ten times as long on a CPU.
    """
    flat = values.reshape(-1)
    whole = len(flat) // NORM_ROW * NORM_ROW
    norms = torch.linalg.vector_norm(flat[:whole].view(-1, NORM_ROW), dim=1)
    return torch.linalg.vector_norm(torch.cat([norms, torch.linalg.vector_norm(flat[whole:])[None]]), dtype=torch.float64)
