"""The change of the weights that a transform works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Difference:
    """Weights minus base weights, tensor by tensor: names, and fp32 tensors of the weights' shapes, changed in place."""

    names: list[str]
    tensors: list[Tensor]
