"""Continued pretraining on the same text: the first control."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gap.core.settings import Settings
from gap.methods import DIRECTIONS
from gap.methods.training import StepResult, Training


class Descent(Settings):
    """Down the loss: the optimizer minimises the objective, as in pretraining."""

    kind: Literal["descent"]


@DIRECTIONS.register(Descent)
def descent(settings: Descent, training: Training) -> Iterator[StepResult]:
    """Down the loss."""
    return training.gradient_steps(1.0)
