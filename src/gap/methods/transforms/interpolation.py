"""Interpolation between base and post-trained weights (Wortsman et al. 2022, WiSE-FT; beyond 1 it extrapolates, below 0 the other way)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import TRANSFORMS
from gap.methods.difference import Difference


class Interpolation(Settings):
    """base + coefficient x change."""

    kind: Literal["interpolation"]
    coefficient: float = Field(description="1 is the post-trained model, 0 the base; -1 goes as far the other way.")


@TRANSFORMS.register(Interpolation)
def interpolation(settings: Interpolation, difference: Difference) -> None:
    """The whole change by one coefficient."""
    for tensor in difference.tensors:
        tensor.mul_(settings.coefficient)
