"""LiNeS: deeper layers keep more of their change (Wang et al. 2024, arXiv 2410.17146, the coefficient lambda of layer l)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import TRANSFORMS
from gap.methods.difference import Difference
from gap.methods.layers import depths


class Lines(Settings):
    """The change of layer l of L is multiplied by alpha + beta (l - 1) / (L - 1)."""

    kind: Literal["lines"]
    alpha: float = Field(description="Coefficient of the first layer, and of the embeddings below it.")
    beta: float = Field(description="alpha + beta is the coefficient of the last layer, and of what stands above it.")


@TRANSFORMS.register(Lines)
def lines(settings: Lines, difference: Difference) -> None:
    """A coefficient that rises linearly with the number of the layer.

    Raises
    ------
    BadInput: the model has no two numbered layers.
    """
    for tensor, depth in zip(difference.tensors, depths(difference.names, "transform lines"), strict=True):
        layer = min(max(depth.layer, 1), depth.layers)
        tensor.mul_(settings.alpha + settings.beta * (layer - 1) / (depth.layers - 1))
