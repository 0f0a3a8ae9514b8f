"""Up the loss of the run's text and down that of a retained one: the gradient difference of unlearning (Liu et al. 2022, "Continual
Learning and Private Unlearning", section 4; Maini et al. 2024, TOFU), and the replay of continued pretraining.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import DIRECTIONS
from gap.methods.training import StepResult, TrainingRun


class Retain(Settings):
    """The optimizer minimises -objective(text) + weight x objective(retained text).

    The retained text is that of the same index in ``corpus``.  For a run on this corpus itself it is the next one, the first
    behind the last of the corpus's sample; with several texts per update, those behind the run's own.
    """

    kind: Literal["retain"]
    corpus: str = Field(description="Name of an entry of `corpora`: where the retained texts come from.")
    weight: float = Field(gt=0, description="Of the retained text's objective against that of the run's text.")


@DIRECTIONS.register(Retain)
def retain(settings: Retain, run: TrainingRun) -> Iterator[StepResult]:
    """Up the loss of the text, down that of the retained one."""
    return run.gradient_steps([-1.0], retain=settings.weight)
