"""Digests, snapshots and changes of all weights of a model, computed where the weights are.

A digest is taken after every update, so it must cost less than an update: the raw bits go through two integer sums on
the device, and sixteen bytes come back.  Where several processes share a model, each takes the sums of its own rows, and
the results are those of the whole model.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gap.core.digest import canonical
from gap.core.errors import Refused
from gap.models.sharding import local_shard, shard_offset
from gap.runtime.process_group import all_reduce_norm, all_reduce_sum

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

#: Weights that share one entry of the table of high multipliers.
ROW = 1 << 16
#: Weights per pass: small enough for a CPU's cache, large enough to keep a GPU busy.  No result depends on it.
PASS = {"cpu": 1 << 18, "cuda": 1 << 24}
#: Weights whose distance from others is taken at once; the order of a sum, hence its last bits, depends on it.
SLICE = 1 << 22


@dataclass(frozen=True)
class WeightChange:
    """What an update did to all weights.

    digest: of the weights as they are now; norm: L2 norm of the difference; changed_fraction: share of weights whose bits
    changed; tensor_norms: L2 norm of the difference tensor by tensor, float64 [tensors], on the CPU.
    """

    digest: str
    norm: float
    changed_fraction: float
    tensor_norms: Tensor


class Snapshot:
    """A copy of all weights of a model, to go back to; runs begin at a snapshot of the base weights.

    Parameters
    ----------
    model: fp32 and in eval mode where runs begin here; they change its weights in place.
    offload: keep the copy (and gradients and optimizer state of runs) in the host's memory instead of the device's
        (``jobs.memory``); no result depends on it.
    compact: keep it in fp16 or bf16 where that loses no bit, as with published weights in half precision.

    ``live`` are the model's weights themselves, ``saved`` their copies; of a sharded model the rows of this process.
    """

    def __init__(self, model: PreTrainedModel, *, offload: bool = False, compact: bool = False) -> None:
        self.model, self.live, self.offload = model, local_weights(model), offload
        dtype = exact_dtype(self.live) if compact else self.live[0].dtype
        self.saved = [tensor.to(device="cpu" if offload else tensor.device, dtype=dtype, copy=True) for tensor in self.live]

    def restore(self, expected: str | None = None) -> None:
        """Put the copied bits back into the model: one copy of all tensors together.

        Parameters
        ----------
        expected: the digest that the model's weights then must have; None where the caller checks it anyway.

        Raises
        ------
        Refused: they have another one.
        """
        torch._foreach_copy_(self.live, self.saved)
        if expected is not None and (digest := weights_digest(self.model)) != expected:
            raise Refused("weights put back", digest, f"the digest {expected}", "Report this: something else changes the copy.")

    def distance(self) -> float:
        """L2 norm of the model's present weights minus the copied ones."""
        norms = [
            torch.linalg.vector_norm(live - saved.to(live.device), dtype=torch.float64)
            for pair in zip(self.live, self.saved, strict=True)
            for live, saved in zip(*(tensor.reshape(-1).split(SLICE) for tensor in pair), strict=True)
        ]
        return float(all_reduce_norm(torch.linalg.vector_norm(torch.stack(norms))))


def local_weights(model: nn.Module) -> list[Tensor]:
    """The weights that this process holds, tied ones once, without gradients; a change of them changes the model."""
    return [local_shard(parameter.detach()) for parameter in model.parameters()]


def exact_dtype(tensors: list[Tensor]) -> torch.dtype:
    """The narrowest dtype that holds every bit of these fp32 tensors: float16, bfloat16, or float32."""
    for dtype in (torch.float16, torch.bfloat16):
        if all(torch.equal(_bits(tensor), _bits(tensor.to(dtype).float())) for tensor in tensors):
            return dtype
    return tensors[0].dtype


def weights_digest(model: nn.Module) -> str:
    """16 hex digits that depend on name, shape, dtype and every bit of every parameter (tied ones counted once)."""
    hasher = WeightHasher(model)
    hasher.add(local_weights(model))
    return _digest(model, hasher.sums())


def _digest(model: nn.Module, sums: list[int]) -> str:
    """The digest of a model whose weights' bits have these two sums (``WeightHasher.sums``)."""
    shapes = [[name, list(parameter.shape), str(parameter.dtype)] for name, parameter in model.named_parameters()]
    return hashlib.sha256(canonical([shapes, sums]).encode()).hexdigest()[:16]


@cache
def _multipliers(rows: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Odd 64-bit multipliers for the column and for the row of a weight; weight i has low[i % ROW] * high[i // ROW]."""
    tables = []
    for seed, size in ((1, ROW), (2, rows)):
        drawn = np.random.Philox(key=seed).random_raw(size) | np.uint64(1)
        tables.append(torch.from_numpy(drawn.view(np.int64)).to(device))
    return tables[0], tables[1]


def _bits(tensor: Tensor) -> Tensor:
    """The raw bits as one row of int32 (int16 for two-byte dtypes)."""
    flat = tensor.contiguous().view(-1)
    return flat.view(torch.int16 if tensor.element_size() == 2 else torch.int32)


@dataclass(frozen=True)
class HashSlice:
    """Flat slice of weight tensor ``tensor``.

    offset: where it stands in the pass; bits, before: raw bits of the weights, and of what they were, int32 or int16 [weights].
    """

    offset: int
    bits: Tensor
    before: Tensor | None
    tensor: int


class WeightHasher:
    """The digest's sums over the weights of ``model``, taken tensor by tensor in their order, in any number of calls.

    Sum of the bits and sum of bits times multiplier (both modulo 2**64); with what the weights were before also the
    squared difference per tensor and the number of weights whose bits differ.  One transfer from the device at the end.

    A tensor may be added in flat slices, one after the other.  Of a sharded model each process adds its own rows; the
    results are those of all rows.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        weights = list(model.parameters())
        self.device = weights[0].device
        self.pass_size = PASS.get(self.device.type, PASS["cpu"])
        sizes = [weight.numel() for weight in weights]
        self.total = sum(sizes)
        #: Where each tensor's own rows begin and end, among the weights of the whole model.
        self.spans = []
        for weight, start in zip(weights, accumulate(sizes, initial=0), strict=False):
            first = start + shard_offset(weight)
            self.spans.append((first, first + local_shard(weight).numel()))
        self.tables = _multipliers(1 << max(0, math.ceil(self.total / ROW) - 1).bit_length(), self.device)
        self.wide = torch.empty(self.pass_size, dtype=torch.int64, device=self.device)
        self.plain, self.weighted, self.changed = (torch.zeros((), dtype=torch.int64, device=self.device) for _ in range(3))
        self.squares = torch.zeros(len(weights), dtype=torch.float64, device=self.device)
        self.tensor, self.next = 0, self.spans[0][0]  # number of the tensor at hand, and index of its next weight in the whole model
        self.xor: Tensor | None = None
        self.difference: Tensor | None = None

    def add(self, tensors: Sequence[Tensor], before: Sequence[Tensor] | None = None) -> None:
        """The next tensors, or flat slices of them, with what they were before where the change is to be measured.

        Raises
        ------
        ValueError: a change of weights that are not fp32.
        """
        if before is not None:
            if any(tensor.dtype != torch.float32 for tensor in tensors):
                raise ValueError("changes are measured on fp32 weights only")
            if self.xor is None:
                self.xor = torch.empty(self.pass_size, dtype=torch.int32, device=self.device)
                self.difference = torch.empty(self.pass_size, device=self.device)
        slices: list[HashSlice] = []  # of the pass at hand, which begins at weight ``first`` of the whole model
        first = 0
        for index, tensor in enumerate(tensors):
            bits, start = _bits(tensor), 0
            bits_before = None if before is None else _bits(before[index])
            while start < bits.numel():
                if self._skip_to_next() and slices:
                    self._add_pass(slices, first // ROW)
                    slices = []
                if not slices:
                    first = self.next // ROW * ROW
                stop = min(bits.numel(), start + first + self.pass_size - self.next)
                old = None if bits_before is None else bits_before[start:stop]
                slices.append(HashSlice(self.next - first, bits[start:stop], old, self.tensor))
                self.next += stop - start
                start = stop
                if self.next == first + self.pass_size:
                    self._add_pass(slices, first // ROW)
                    slices = []
        if slices:
            self._add_pass(slices, first // ROW)

    def _skip_to_next(self) -> bool:
        """Go on to the next tensor that this process has weights of, if one has ended; whether weights of other processes are skipped."""
        before = self.next
        while self.next == self.spans[self.tensor][1]:
            self.tensor += 1
            self.next = self.spans[self.tensor][0]
        return self.next != before

    def _add_pass(self, slices: list[HashSlice], row: int) -> None:
        """One pass, whose first weight has the multiplier of row ``row``."""
        low, high = self.tables
        end = slices[-1].offset + slices[-1].bits.numel()
        padded = -(-end // ROW) * ROW
        self.wide[: slices[0].offset] = 0
        self.wide[end:padded] = 0
        for item in slices:
            part = slice(item.offset, item.offset + item.bits.numel())
            self.wide[part] = item.bits
            if item.before is not None:
                assert self.xor is not None and self.difference is not None
                torch.bitwise_xor(item.bits, item.before, out=self.xor[part])
                torch.sub(item.bits.view(torch.float32), item.before.view(torch.float32), out=self.difference[part])
                self.squares[item.tensor] += torch.linalg.vector_norm(self.difference[part], dtype=torch.float64).square()
        self.plain += self.wide[:padded].sum()
        rows = self.wide[:padded].view(-1, ROW)
        self.weighted += (rows.mul_(low).sum(1) * high[row : row + len(rows)]).sum()
        if self.xor is not None:
            self.changed += torch.count_nonzero(self.xor[slices[0].offset : end])

    def sums(self) -> list[int]:
        """The two sums of the bits."""
        return all_reduce_sum(torch.stack([self.plain, self.weighted])).tolist()

    def change(self) -> WeightChange:
        """What happened to the weights, all of which have been added."""
        counts, squares = all_reduce_sum(torch.stack([self.plain, self.weighted, self.changed])), all_reduce_sum(self.squares)
        values = torch.cat([counts, squares.view(torch.int64)]).cpu()
        norms = values[3:].view(torch.float64).sqrt()
        return WeightChange(
            _digest(self.model, values[:2].tolist()), float(torch.linalg.vector_norm(norms)), int(values[2]) / self.total, norms
        )
