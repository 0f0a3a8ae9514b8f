"""GAP: up the language-modelling loss of the text (paper, section 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gap.core.settings import Settings
from gap.methods import DIRECTIONS
from gap.methods.training import StepResult, Training


class Ascent(Settings):
    """Up the loss: the optimizer minimises minus the objective."""

    kind: Literal["ascent"]


@DIRECTIONS.register(Ascent)
def ascent(settings: Ascent, training: Training) -> Iterator[StepResult]:
    """Up the loss."""
    return training.gradient_steps(-1.0)
