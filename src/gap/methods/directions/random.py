"""Anywhere: steps as long as the ascent's, in random directions: the second control."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import DIRECTIONS
from gap.methods.signs import add_signs
from gap.methods.training import StepResult, TrainingRun, WeightSlice


class Random(Settings):
    """Every weight moves by the same amount, with a random sign; each tensor's change has the norm of the ascent's."""

    kind: Literal["random"]
    seed: int = Field(ge=0, description="Which signs; they depend on it, the text, the update and the place of the weight alone.")


@DIRECTIONS.register(Random)
def random(settings: Random, run: TrainingRun) -> Iterator[StepResult]:
    """First the ascent on the text, for the norms of its updates; then from the base weights as many random ones.

    An update that the ascent's loss scaler skipped is skipped here too, and where the ascent diverged there is nothing
    left to match: the run ends there.  No gradient is taken on the way, so ``grad_norm`` is NaN.
    """
    ascent = list(run.gradient_steps([-1.0]))
    run.restore()
    for number, step in enumerate(ascent):
        loss = run.loss()
        change = None
        if step.change is not None:
            sizes = [norm / math.sqrt(count) for norm, count in zip(step.change.tensor_norms.tolist(), run.sizes, strict=True)]
            change = run.apply(signs(sizes, (settings.seed, run.seed, number)))
        yield StepResult(loss, math.nan, step.loss_scale, change, step.diverged)


def signs(sizes: list[float], seeds: tuple[int, ...]) -> Callable[[WeightSlice], None]:
    """What adds +-``sizes[k]`` with random signs to every weight of tensor k."""

    def add(item: WeightSlice) -> None:
        add_signs(item.weights, sizes[item.number], (*seeds, item.number), item.start)

    return add
