"""The mean token NLL: the language-modelling loss itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gap.core.settings import Settings
from gap.methods import OBJECTIVES

if TYPE_CHECKING:
    from torch import Tensor


class Nll(Settings):
    """Mean token NLL, as in the paper."""

    kind: Literal["nll"]


@OBJECTIVES.register(Nll)
def nll(settings: Nll, loss: Tensor, logits: Tensor, targets: Tensor, update: int) -> Tensor:
    """The NLL as it is."""
    return loss
