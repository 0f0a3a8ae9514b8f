"""What a direction is given, and what it says of each update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class StepResult:
    """One update that was tried.

    loss: mean token NLL (nats) of the run's texts before it; grad_norm: L2 norm of the objective's gradient, NaN where
    none was taken; loss_scale: of the fp16 scaler, 1 without one; change: what it did to the weights
    (``gap.models.weights.Change``), None where it was skipped or could not be done; diverged: whether loss or gradient
    is not finite, which ends the run.
    """

    loss: float
    grad_norm: float
    loss_scale: float
    change: Any
    diverged: bool


@dataclass(frozen=True)
class Part:
    """A flat part of the weights, fp32, to be changed in place: it begins behind ``start`` weights of tensor ``number``."""

    number: int
    start: int
    weights: Tensor


class Training(Protocol):
    """A model on its way from the base weights (``gap.posttrain.step``).

    ``updates`` is the number of updates to try, ``seed`` a number below 2**63 that depends on the run's tokens alone,
    ``sizes`` the number of weights of each tensor.
    """

    updates: int
    seed: int
    sizes: list[int]

    def gradient_steps(self, sign: float) -> Iterator[StepResult]:
        """Updates by the optimizer on ``sign`` times the objective; ends behind a diverged one."""
        ...

    def restore(self) -> None:
        """The base weights and a fresh optimizer."""
        ...

    def loss(self) -> float:
        """Mean token NLL (nats) of the texts at the present weights."""
        ...

    def change(self, act: Callable[[Part], None]) -> Any:
        """Let ``act`` change each part of the weights in place, and measure what it did."""
        ...
