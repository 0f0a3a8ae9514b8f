"""The plain and the label-smoothed loss in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import OBJECTIVES
from gap.methods.objectives.label_smoothing import smoothed_cross_entropy

if TYPE_CHECKING:
    from torch import Tensor


class SmoothedInTurn(Settings):
    """Odd updates take the NLL, even ones the label-smoothed cross-entropy."""

    kind: Literal["smoothed_in_turn"]
    epsilon: float = Field(gt=0, lt=1, description="Probability spread evenly over the vocabulary in even updates.")


@OBJECTIVES.register(SmoothedInTurn)
def smoothed_in_turn(settings: SmoothedInTurn, loss: Tensor, logits: Tensor, targets: Tensor, update: int) -> Tensor:
    """Updates count from 1."""
    return loss if update % 2 else smoothed_cross_entropy(logits, targets, settings.epsilon)
