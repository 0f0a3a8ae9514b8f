"""What a direction is given, and what it returns of each update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class StepResult:
    """What one update did.

    loss: mean token NLL (nats) of the run's texts before it; grad_norm: L2 norm of the objective's gradient, NaN where
    none was taken; loss_scale: of the fp16 scaler, 1 without one; change: what it did to the weights
    (``gap.models.weights.WeightChange``), None where it was skipped or could not be done; diverged: whether loss or gradient
    is not finite, which ends the run.
    """

    loss: float
    grad_norm: float
    loss_scale: float
    change: Any
    diverged: bool


@dataclass(frozen=True)
class WeightSlice:
    """A flat slice of weight tensor ``number``, fp32 [n], to be changed in place; ``start`` weights of the tensor stand before it."""

    number: int
    start: int
    weights: Tensor


class TrainingRun(Protocol):
    """A run of one text from the base weights (``gap.posttrain.run.PosttrainRun``).

    ``updates`` is the number of updates to try, ``seed`` a number below 2**63 that depends on the run's tokens alone,
    ``sizes`` the number of weights of each tensor.
    """

    updates: int
    seed: int
    sizes: list[int]

    def gradient_steps(self, signs: Sequence[float], retain: float = 0.0) -> Iterator[StepResult]:
        """Updates by the optimizer on a sign times the objective, -1 up and 1 down; ends behind a diverged one.

        ``signs`` take turns, from one real update to the next: one that the loss scaler skips is tried again with its sign.
        ``retain`` times the objective of the run's retained texts is added, which is always minimised.
        """

    def restore(self) -> None:
        """The base weights and a fresh optimizer."""

    def loss(self) -> float:
        """Mean token NLL (nats) of the texts at the present weights."""

    def apply(self, change: Callable[[WeightSlice], None]) -> Any:
        """Let ``change`` change each slice of the weights in place, and measure what it did."""
