"""Sign descent: every weight moves by the learning rate (Bernstein et al. 2018, signSGD, algorithm 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from gap.core.settings import Settings
from gap.methods import OPTIMIZERS

if TYPE_CHECKING:
    from torch.optim import Optimizer


class Sign(Settings):
    """weight -= learning rate x sign(gradient); the sign of 0 is 0."""

    kind: Literal["sign"]


@OPTIMIZERS.register(Sign)
def sign(settings: Sign, groups: list[dict[str, Any]]) -> Optimizer:
    """A fresh sign descent."""
    import torch

    class SignDescent(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        weight.add_(torch.sign(weight.grad), alpha=-group["lr"])

    return SignDescent(groups, {})
