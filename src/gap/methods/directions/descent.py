"""Continued pretraining on the same text: the first control."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gap.core.settings import Settings
from gap.methods import DIRECTIONS
from gap.methods.training import StepResult, TrainingRun


class Descent(Settings):
    """Down the loss: the optimizer minimises the objective, as in pretraining."""

    kind: Literal["descent"]


@DIRECTIONS.register(Descent)
def descent(settings: Descent, run: TrainingRun) -> Iterator[StepResult]:
    """Down the loss."""
    return run.gradient_steps([1.0])
