"""Anywhere: steps as long as the ascent's, in random directions: the second control."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import DIRECTIONS
from gap.methods.signs import add_signs
from gap.methods.training import Part, StepResult, Training


class Random(Settings):
    """Every weight moves by the same amount, with a random sign; each tensor's change has the norm of the ascent's."""

    kind: Literal["random"]
    seed: int = Field(ge=0, description="Which signs; they depend on it, the text, the update and the place of the weight alone.")


@DIRECTIONS.register(Random)
def random(settings: Random, training: Training) -> Iterator[StepResult]:
    """First the ascent on the text, for the norms of its updates; then from the base weights as many random ones.

    An update that the ascent's loss scaler skipped is skipped here too, and where the ascent diverged there is nothing
    left to match: the run ends there.  No gradient is taken on the way, so ``grad_norm`` is NaN.
    """
    ascent = list(training.gradient_steps(-1.0))
    training.restore()
    for number, model in enumerate(ascent):
        loss = training.loss()
        change = None
        if model.change is not None:
            sizes = [norm / math.sqrt(count) for norm, count in zip(model.change.norms.tolist(), training.sizes, strict=True)]
            change = training.change(signs(sizes, (settings.seed, training.seed, number)))
        yield StepResult(loss, math.nan, model.loss_scale, change, model.diverged)


def signs(sizes: list[float], seeds: tuple[int, ...]) -> Callable[[Part], None]:
    """What adds +-``sizes[k]`` with random signs to every weight of tensor k."""

    def act(part: Part) -> None:
        add_signs(part.weights, sizes[part.number], (*seeds, part.number), part.start)

    return act
