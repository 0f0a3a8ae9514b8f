"""Linear layers whose weights are packed for the CPU once per checkpoint instead of once per product.

A CPU's matrix product first lays its weights out in blocks for the vector units.  A copy of the model shares all tensors
with the original but holds the weights of its linear layers in the layout that oneDNN wants, in the dtype of autocast or
in fp32; they are refreshed once per checkpoint.  It gains most where few rows meet many weights: greedy decoding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gap.evaluate.engine.cast_weights import LINEAR
from gap.evaluate.engine.parallel_passes import parallel_map
from gap.evaluate.engine.pass_cache import PASS_CACHE


class PackedLinear(nn.Module):
    """``source`` (a Linear, or GPT-2's Conv1D) over packed weights in ``dtype``."""

    def __init__(self, source: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        weight, bias = source.get_parameter("weight").detach(), getattr(source, "bias", None)
        # plain attributes: the scoring model has no parameters of its own
        self.weight: Tensor = weight.t() if type(source).__name__ == "Conv1D" else weight
        self.source_bias: Tensor | None = None if bias is None else bias.detach()
        self.dtype = dtype
        self.activation = "none"  # what oneDNN applies to the outputs before it writes them
        self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over the original's present weights."""
        self.packed: Tensor | None = None  # first of all: the new one can take the memory of the last
        self.packed = torch.ops.mkldnn._reorder_linear_weight(self.weight.to(self.dtype).contiguous(), None)
        self.bias = None if self.source_bias is None else self.source_bias.to(self.dtype, copy=True)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., outputs] in ``dtype`` of [..., inputs] in any."""
        # query, key and value have the same input
        cast = inputs if inputs.dtype == self.dtype else PASS_CACHE.get(("cast", self.dtype), inputs, lambda: inputs.to(self.dtype))
        return torch.ops.mkldnn._linear_pointwise(cast, self.packed, self.bias, self.activation, [], "")


def pack_linear_layers(model: Any, dtype: torch.dtype) -> Callable[[], None]:
    """Put ``PackedLinear`` in the place of the linear layers of ``model``; returns what packs their present weights again."""
    layers: list[PackedLinear] = []
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__ in LINEAR:
                setattr(parent, name, PackedLinear(child, dtype))
                layers.append(getattr(parent, name))
        first, activation = getattr(parent, "fc1", None), getattr(parent, "activation_fn", None)
        if isinstance(first, PackedLinear) and type(activation) is nn.ReLU:
            # OPT's layer: the product clips its own outputs, to the same bits
            first.activation, parent.activation_fn = "relu", nn.Identity()

    def refresh() -> None:
        parallel_map(PackedLinear.refresh, [layers], lambda layer: layer.weight.numel())

    return refresh
