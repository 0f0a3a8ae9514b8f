"""Digests, snapshots and changes of all weights of a model, computed where the weights are.

A digest is taken after every update, so it must cost less than an update: the raw bits go through two integer sums on
the device, and sixteen bytes come back.  Where several processes share a model, each takes the sums of its own rows, and
what is returned is that of the whole.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
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

#: Weights that share one entry of the table of high multipliers.
ROW = 1 << 16
#: Weights per pass: small enough for a CPU's cache, large enough to keep a GPU busy.  No result depends on it.
PASS = {"cpu": 1 << 18, "cuda": 1 << 24}
#: Weights whose distance from others is taken at once; the order of a sum, hence its last bits, depends on it.
PIECE = 1 << 22


@dataclass(frozen=True)
class Change:
    """What an update did to all weights.

    digest: of the weights as they are now; norm: L2 norm of the difference; moved: share of weights whose bits changed;
    norms: L2 norm tensor by tensor, float64 [tensors], on the CPU.
    """

    digest: str
    norm: float
    changed_fraction: float
    norms: Tensor


class Snapshot:
    """A copy of all weights of a model, to go back to.

    Parameters
    ----------
    host: keep it in the host's memory instead of the device's.
    compact: keep it in fp16 or bf16 where that loses no bit, as with published weights in half precision.
    """

    def __init__(self, model: nn.Module, host: bool = False, compact: bool = False) -> None:
        self.model, self.live = model, own_weights(model)
        dtype = exact_dtype(self.live) if compact else self.live[0].dtype
        self.kept = [tensor.to(device="cpu" if host else tensor.device, dtype=dtype, copy=True) for tensor in self.live]

    def restore(self, expected: str | None = None) -> None:
        """Put the copied bits back into the model: one copy of all tensors together.

        Parameters
        ----------
        expected: the digest that the model's weights then must have; None where who called looks at it anyway.

        Raises
        ------
        Refused: they have another one.
        """
        torch._foreach_copy_(self.live, self.kept)
        if expected is not None and (found := weights_digest(self.model)) != expected:
            raise Refused("weights put back", found, f"the digest {expected}", "Report this: something else changes the copy.")

    def distance(self) -> float:
        """L2 norm of the model's present weights minus the copied ones."""
        norms = [
            torch.linalg.vector_norm(live - kept.to(live.device), dtype=torch.float64)
            for pair in zip(self.live, self.kept, strict=True)
            for live, kept in zip(*(tensor.reshape(-1).split(PIECE) for tensor in pair), strict=True)
        ]
        return float(all_reduce_norm(torch.linalg.vector_norm(torch.stack(norms))))

    @property
    def bytes(self) -> int:
        """Size of the copy."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.kept)


def own_weights(model: nn.Module) -> list[Tensor]:
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
    sums = WeightHasher(list(model.parameters()))
    sums.add(own_weights(model))
    return digest_of(model, sums.bits())


def change(model: nn.Module, before: Snapshot) -> Change:
    """What happened to the weights since ``before`` was taken.

    Raises
    ------
    ValueError: the weights are not fp32.
    """
    if any(tensor.dtype != torch.float32 for tensor in before.live):
        raise ValueError("changes are measured on fp32 weights only")
    sums = WeightHasher(list(model.parameters()))
    sums.add(before.live, before.kept)
    return sums.change(model)


def digest_of(model: nn.Module, sums: list[int]) -> str:
    """The digest of a model whose weights' bits have these two sums (``WeightHasher.bits``)."""
    shapes = [[name, list(parameter.shape), str(parameter.dtype)] for name, parameter in model.named_parameters()]
    return hashlib.sha256(canonical([shapes, sums]).encode()).hexdigest()[:16]


@cache
def _multipliers(rows: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Odd 64-bit multipliers for the place within a row and for the row; weight i has low[i % ROW] * high[i // ROW]."""
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
class Piece:
    """A flat part of one tensor: its place in the pass, its bits, those it is compared with, and the tensor's number."""

    place: int
    bits: Tensor
    other: Tensor | None
    tensor: int


def _passes(
    tensors: Sequence[Tensor], others: Sequence[Tensor] | None, size: int, numbers: Sequence[int], lead: int
) -> Iterator[list[Piece]]:
    """Flat pieces of all tensors, in passes of ``size`` weights (the last may be shorter), the first of them behind ``lead`` places.

    ``numbers`` are those of the tensors.
    """
    pieces: list[Piece] = []
    filled = lead
    for index, tensor in enumerate(tensors):
        flat, start = _bits(tensor), 0
        other = None if others is None else _bits(others[index])
        while start < flat.numel():
            stop = min(flat.numel(), start + size - filled)
            pieces.append(Piece(filled, flat[start:stop], None if other is None else other[start:stop], numbers[index]))
            filled += stop - start
            start = stop
            if filled == size:
                yield pieces
                pieces, filled = [], 0
    if pieces:
        yield pieces


class WeightHasher:
    """The digest's sums over ``weights``, taken tensor by tensor in their order, in as many calls as one likes.

    Sum of the bits and sum of bits times multiplier (both modulo 2**64); with what the weights were before also the
    squared difference per tensor and the number of weights whose bits differ.  One transfer from the device at the end.

    A tensor may be added in flat parts, one after the other.  Of weights that are shared out, each process adds its own
    rows; the results are those of all rows.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self.device = weights[0].device
        self.size = PASS.get(self.device.type, PASS["cpu"])
        sizes = [weight.numel() for weight in weights]
        self.total = sum(sizes)
        #: Where each tensor's own rows begin and end, among the weights of the whole model.
        self.spans = []
        for weight, start in zip(weights, accumulate(sizes, initial=0), strict=False):
            first = start + shard_offset(weight)
            self.spans.append((first, first + local_shard(weight).numel()))
        self.tables = _multipliers(1 << max(0, math.ceil(self.total / ROW) - 1).bit_length(), self.device)
        self.wide = torch.empty(self.size, dtype=torch.int64, device=self.device)
        self.plain, self.weighted, self.changed_fraction = (torch.zeros((), dtype=torch.int64, device=self.device) for _ in range(3))
        self.squares = torch.zeros(len(weights), dtype=torch.float64, device=self.device)
        self.tensor, self.seen = 0, self.spans[0][0]  # the tensor at hand, and the place of its next weight
        self.differ: Tensor | None = None
        self.apart: Tensor | None = None

    def add(self, tensors: Sequence[Tensor], others: Sequence[Tensor] | None = None) -> None:
        """The next tensors, or flat parts of them, with what they were before (fp32) where the change is wanted."""
        if others is not None and self.differ is None:
            self.differ = torch.empty(self.size, dtype=torch.int32, device=self.device)
            self.apart = torch.empty(self.size, device=self.device)
        for place, numbers in self._neighbours(tensors):
            part = slice(place.start, place.stop)
            row, lead = divmod(numbers[0][1], ROW)
            for pieces in _passes(tensors[part], None if others is None else others[part], self.size, [one for one, _ in numbers], lead):
                row += self._pass(pieces, row)

    def _neighbours(self, tensors: Sequence[Tensor]) -> Iterator[tuple[range, list[tuple[int, int]]]]:
        """Cut ``tensors``, the next ones, where places are left out between them.

        Yields which of them stand together, and of each the number of its whole tensor and its place.
        """
        together: list[tuple[int, int]] = []
        first = 0
        for index, tensor in enumerate(tensors):
            while tensor.numel() and self.seen == self.spans[self.tensor][1]:
                self.tensor += 1
                start = self.spans[self.tensor][0]
                if together and start != self.seen:
                    yield range(first, index), together
                    together = []
                self.seen = start
            first = first if together else index
            together.append((self.tensor, self.seen))
            self.seen += tensor.numel()
        if together:
            yield range(first, len(tensors)), together

    def _pass(self, pieces: list[Piece], row: int) -> int:
        """One pass, whose first place is the first of the table's row ``row``; returns the number of rows."""
        low, high = self.tables
        end = pieces[-1].place + pieces[-1].bits.numel()
        padded = -(-end // ROW) * ROW
        self.wide[: pieces[0].place] = 0
        self.wide[end:padded] = 0
        for piece in pieces:
            part = slice(piece.place, piece.place + piece.bits.numel())
            self.wide[part] = piece.bits
            if piece.other is not None:
                assert self.differ is not None and self.apart is not None
                torch.bitwise_xor(piece.bits, piece.other, out=self.differ[part])
                torch.sub(piece.bits.view(torch.float32), piece.other.view(torch.float32), out=self.apart[part])
                self.squares[piece.tensor] += torch.linalg.vector_norm(self.apart[part], dtype=torch.float64).square()
        self.plain += self.wide[:padded].sum()
        rows = self.wide[:padded].view(-1, ROW)
        self.weighted += (rows.mul_(low).sum(1) * high[row : row + len(rows)]).sum()
        if self.differ is not None:
            self.changed_fraction += torch.count_nonzero(self.differ[pieces[0].place : end])
        return len(rows)

    def bits(self) -> list[int]:
        """The two sums of the bits."""
        return all_reduce_sum(torch.stack([self.plain, self.weighted])).tolist()

    def change(self, model: nn.Module) -> Change:
        """What happened to the weights of ``model``, all of which have been added."""
        counts, squares = all_reduce_sum(torch.stack([self.plain, self.weighted, self.changed_fraction])), all_reduce_sum(self.squares)
        values = torch.cat([counts, squares.view(torch.int64)]).cpu()
        norms = values[3:].view(torch.float64).sqrt()
        return Change(digest_of(model, values[:2].tolist()), float(torch.linalg.vector_norm(norms)), int(values[2]) / self.total, norms)
