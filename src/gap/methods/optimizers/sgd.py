"""Stochastic gradient steps with momentum, torch's own (Polyak 1964)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import OPTIMIZERS

if TYPE_CHECKING:
    from torch.optim import Optimizer


class Sgd(Settings):
    """torch.optim.SGD; its steps are as long as gradients are, so it wants other learning rates than Adam."""

    kind: Literal["sgd"]
    momentum: float = Field(ge=0, lt=1)


@OPTIMIZERS.register(Sgd)
def sgd(settings: Sgd, groups: list[dict[str, Any]]) -> Optimizer:
    """A fresh SGD."""
    from torch.optim import SGD

    return SGD(groups, momentum=settings.momentum, foreach=True)
