"""Digests, snapshots and changes of all weights of a model, computed where the weights are.

A digest is taken after every update, so it must cost less than an update: the raw bits go through two integer sums on
the device, and sixteen bytes come back.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gap.core.digest import canonical

if TYPE_CHECKING:
    from torch import nn

#: Weights that share one entry of the table of high multipliers.
ROW = 1 << 16
#: Weights per pass: small enough for a CPU's cache, large enough to keep a GPU busy.  No result depends on it.
PASS = {"cpu": 1 << 18, "cuda": 1 << 24}


@dataclass(frozen=True)
class Change:
    """What an update did to all weights.

    digest: of the weights as they are now; norm: L2 norm of the difference; moved: share of weights whose bits changed.
    """

    digest: str
    norm: float
    moved: float


class Snapshot:
    """A copy of all weights of a model on its device."""

    def __init__(self, model: nn.Module) -> None:
        self.live = [parameter.detach() for parameter in model.parameters()]
        self.kept = [tensor.clone() for tensor in self.live]

    def restore(self) -> None:
        """Put the copied bits back into the model."""
        torch._foreach_copy_(self.live, self.kept)

    def renew(self) -> None:
        """Copy the model's present weights."""
        torch._foreach_copy_(self.kept, self.live)


def weights_digest(model: nn.Module) -> str:
    """16 hex digits that depend on name, shape, dtype and every bit of every parameter (tied ones counted once)."""
    return _digest(model, _sums([parameter.detach() for parameter in model.parameters()], None)[:2])


def change(model: nn.Module, before: Snapshot) -> Change:
    """What happened to the weights since ``before`` was taken or renewed.

    Raises
    ------
    ValueError: the weights are not fp32.
    """
    if any(tensor.dtype != torch.float32 for tensor in before.live):
        raise ValueError("changes are measured on fp32 weights only")
    values = _sums(before.live, before.kept)
    squares = float(np.array(values[2], dtype=np.int64).view(np.float64))
    count = sum(tensor.numel() for tensor in before.live)
    return Change(_digest(model, values[:2]), math.sqrt(squares), values[3] / count)


def _digest(model: nn.Module, sums: list[int]) -> str:
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


def _passes(tensors: list[Tensor], others: list[Tensor] | None, size: int) -> Iterator[list[tuple[int, Tensor, Tensor | None]]]:
    """Flat pieces of all tensors, in passes of ``size`` weights (the last may be shorter): (place in the pass, piece, other)."""
    pieces: list[tuple[int, Tensor, Tensor | None]] = []
    filled = 0
    for index, tensor in enumerate(tensors):
        flat, start = _bits(tensor), 0
        other = None if others is None else _bits(others[index])
        while start < flat.numel():
            stop = min(flat.numel(), start + size - filled)
            pieces.append((filled, flat[start:stop], None if other is None else other[start:stop]))
            filled += stop - start
            start = stop
            if filled == size:
                yield pieces
                pieces, filled = [], 0
    if pieces:
        yield pieces


def _sums(tensors: list[Tensor], others: list[Tensor] | None) -> list[int]:
    """Sum of the bits, sum of bits times multiplier (both modulo 2**64), and with ``others`` the sum of squared differences
    (the bits of a float64) and the number of weights whose bits differ; one transfer from the device.
    """
    device = tensors[0].device
    size = PASS.get(device.type, PASS["cpu"])
    total = sum(_bits(tensor).numel() for tensor in tensors)
    low, high = _multipliers(1 << max(0, math.ceil(total / ROW) - 1).bit_length(), device)
    wide = torch.empty(size, dtype=torch.int64, device=device)
    differ, apart = torch.empty(size, dtype=torch.int32, device=device), torch.empty(size, device=device)
    plain, weighted, moved = (torch.zeros((), dtype=torch.int64, device=device) for _ in range(3))
    squares = torch.zeros((), dtype=torch.float64, device=device)
    for number, pieces in enumerate(_passes(tensors, others, size)):
        end = pieces[-1][0] + pieces[-1][1].numel()
        padded = -(-end // ROW) * ROW
        wide[end:padded] = 0
        for place, piece, other in pieces:
            part = slice(place, place + piece.numel())
            wide[part] = piece
            if other is not None:
                torch.bitwise_xor(piece, other, out=differ[part])
                torch.sub(piece.view(torch.float32), other.view(torch.float32), out=apart[part])
        plain += wide[:padded].sum()
        rows = wide[:padded].view(-1, ROW)
        first = number * (size // ROW)
        weighted += (rows.mul_(low).sum(1) * high[first : first + len(rows)]).sum()
        if others is not None:
            moved += torch.count_nonzero(differ[:end])
            squares += torch.linalg.vector_norm(apart[:end], dtype=torch.float64).square()
    return torch.stack([plain, weighted, squares.view(torch.int64), moved]).tolist()
