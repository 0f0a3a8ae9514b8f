"""GAP: up the language-modelling loss of the text (paper, section 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gap.core.settings import Settings
from gap.methods import DIRECTIONS
from gap.methods.training import StepResult, TrainingRun


class Ascent(Settings):
    """Up the loss: the optimizer minimises minus the objective."""

    kind: Literal["ascent"]


@DIRECTIONS.register(Ascent)
def ascent(settings: Ascent, run: TrainingRun) -> Iterator[StepResult]:
    """Up the loss."""
    return run.gradient_steps([-1.0])
