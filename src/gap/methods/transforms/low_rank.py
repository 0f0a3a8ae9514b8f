"""The nearest change of low rank, matrix by matrix (Eckart and Young 1936)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import TRANSFORMS
from gap.methods.difference import Difference


class LowRank(Settings):
    """Each matrix's change is replaced by its best approximation of this rank; vectors stay as they are."""

    kind: Literal["low_rank"]
    rank: int = Field(ge=1)


@TRANSFORMS.register(LowRank)
def low_rank(settings: LowRank, difference: Difference) -> None:
    """Projection on the leading singular vectors of the shorter side: eigenvectors of the Gram matrix, in fp64."""
    import torch

    for number, own in enumerate(difference.tensors):
        if own.ndim != 2 or own.shape[1] <= settings.rank:
            continue
        wide = difference.whole(number).double()
        if wide.shape[0] <= settings.rank:
            continue
        tall = wide.shape[0] > wide.shape[1]
        gram = wide.T @ wide if tall else wide @ wide.T
        vectors = torch.linalg.eigh(gram).eigenvectors[:, -settings.rank :]
        difference.put(number, (wide @ vectors) @ vectors.T if tall else vectors @ (vectors.T @ wide))
