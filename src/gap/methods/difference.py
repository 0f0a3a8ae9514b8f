"""The change of the weights that a transform works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gap.runtime.process_group import all_reduce_sum

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Difference:
    """Weights minus base weights, tensor by tensor: names, and fp32 tensors, changed in place.

    Where several devices share the model (``jobs.devices``), ``tensors`` are the rows that this process holds: what looks
    at one entry at a time needs no more; a count over all entries goes through ``sum``, a whole matrix through
    ``gather_full`` and ``put_full``, which every process calls alike.

    gather_full: number of a tensor -> all its rows, fp32, to be read; local_rows: number and all rows -> the rows of this process.
    """

    names: list[str]
    tensors: list[Tensor]
    gather_full: Callable[[int], Tensor]
    local_rows: Callable[[int, Tensor], Tensor]

    def sum(self, counts: list[Tensor]) -> int:
        """Sum of integers (scalars), one per tensor, over all rows."""
        import torch

        return int(all_reduce_sum(torch.stack(counts).sum()))

    def put_full(self, number: int, rows: Tensor) -> None:
        """Set all rows of a tensor to ``rows``."""
        self.tensors[number].copy_(self.local_rows(number, rows))
