"""Layer-wise decay of the learning rate (Howard and Ruder 2018, section 3.2; Clark et al. 2020, appendix B)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import RATES
from gap.methods.layers import Depth


class LayerDecay(Settings):
    """Each layer gets ``decay`` times what the layer above it gets; what stands above the last layer gets all."""

    kind: Literal["layer_decay"]
    decay: float = Field(gt=0, le=1)


@RATES.register(LayerDecay)
def layer_decay(settings: LayerDecay, depth: Depth) -> float:
    """decay ** (layers above); embeddings count as the layer below the first."""
    return settings.decay ** (depth.layers + 1 - depth.layer)
