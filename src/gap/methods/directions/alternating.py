"""A step up the loss and a step down in turn: descent-ascent dynamics on one text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gap.core.settings import Settings
from gap.methods import DIRECTIONS
from gap.methods.training import StepResult, TrainingRun


class Alternating(Settings):
    """Odd steps go up the loss, even ones down: both by one optimizer, whose moments see either sign."""

    kind: Literal["alternating"]


@DIRECTIONS.register(Alternating)
def alternating(settings: Alternating, run: TrainingRun) -> Iterator[StepResult]:
    """Up, down, up, ..."""
    return run.gradient_steps([-1.0, 1.0])
