"""The whole learning rate for every layer."""

from __future__ import annotations

from typing import Literal

from gap.core.settings import Settings
from gap.methods import RATES
from gap.methods.layers import Depth


class Uniform(Settings):
    """One learning rate, as in the paper."""

    kind: Literal["uniform"]


@RATES.register(Uniform)
def uniform(settings: Uniform, depth: Depth) -> float:
    """All of it."""
    return 1.0
