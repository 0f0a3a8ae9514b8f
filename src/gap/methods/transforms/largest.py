"""Keeping only the largest entries of the change (the trimming step of TIES-Merging, Yadav et al. 2023, section 4)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import TRANSFORMS
from gap.methods.difference import Difference


class Largest(Settings):
    """Entries below the threshold, over all tensors together, become 0."""

    kind: Literal["largest"]
    share: float = Field(gt=0, le=1, description="Share of all entries to keep; those equal to the smallest kept one are kept too.")


@TRANSFORMS.register(Largest)
def largest(settings: Largest, difference: Difference) -> None:
    """The bits of magnitudes are ordered as the magnitudes are, so the threshold is found bit by bit, without sorting."""
    import torch

    def bits(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.abs().view(torch.int32)

    entries = difference.sum([torch.tensor(tensor.numel(), device=tensor.device) for tensor in difference.tensors])
    count = max(1, round(settings.share * entries))
    threshold = 0
    for bit in range(30, -1, -1):
        trial = threshold | 1 << bit
        if difference.sum([torch.count_nonzero(bits(tensor) >= trial) for tensor in difference.tensors]) >= count:
            threshold = trial
    for tensor in difference.tensors:
        tensor.masked_fill_(bits(tensor) < threshold, 0.0)
