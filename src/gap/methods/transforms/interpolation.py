"""Interpolation between base and post-trained weights (Wortsman et al. 2022, WiSE-FT; beyond 1 it extrapolates)."""

from __future__ import annotations

from typing import Literal

from gap.core.settings import Settings
from gap.methods import TRANSFORMS
from gap.methods.difference import Difference


class Interpolation(Settings):
    """base + coefficient x change."""

    kind: Literal["interpolation"]
    coefficient: float


@TRANSFORMS.register(Interpolation)
def interpolation(settings: Interpolation, difference: Difference) -> None:
    """The whole change by one coefficient."""
    for tensor in difference.tensors:
        tensor.mul_(settings.coefficient)
