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

    for number, tensor in enumerate(difference.tensors):
        if tensor.ndim != 2 or tensor.shape[1] <= settings.rank:
            continue
        matrix = difference.gather_full(number).double()
        if matrix.shape[0] <= settings.rank:
            continue
        tall = matrix.shape[0] > matrix.shape[1]
        gram = matrix.T @ matrix if tall else matrix @ matrix.T
        vectors = torch.linalg.eigh(gram).eigenvectors[:, -settings.rank :]
        difference.put_full(number, (matrix @ vectors) @ vectors.T if tall else vectors @ (vectors.T @ matrix))
