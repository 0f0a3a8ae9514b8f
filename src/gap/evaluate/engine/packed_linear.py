"""Linear layers whose weights are packed for the CPU once per checkpoint instead of once per product.

A CPU's matrix product first lays its weights out in blocks for the vector units.  A twin of the model shares all tensors
with the original but holds the weights of its linear layers in the layout that oneDNN wants, in the dtype of autocast or
in fp32; one pass per checkpoint renews them.  It gains most where few rows meet many weights: greedy decoding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gap.evaluate.engine.cast_weights import LINEAR, ScoringModel, weights_size, with_scoring_model
from gap.evaluate.engine.parallel_passes import parallel_map
from gap.evaluate.engine.pass_cache import PASS_CACHE
from gap.evaluate.engine.split_model import TOLERANCE, TRIAL, SplitModel
from gap.models.precision import autocast
from gap.models.sharding import without_gradients

#: Weights beyond this many bytes are not copied: a CPU that scores so large a model needs its memory for other things.
LARGEST = 4 * 2**30
#: Largest difference of the twin's logits from the original's under the same autocast, relative to the largest logit.
HALF_TOLERANCE = 2e-2
#: What oneDNN, or a model that looks into its layers, raises.
UNSUITED = (RuntimeError, AttributeError, TypeError, NotImplementedError)


class Packed(nn.Module):
    """``source`` (a Linear, or GPT-2's Conv1D) over packed weights in ``dtype``."""

    def __init__(self, source: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        weight, bias = source.get_parameter("weight").detach(), getattr(source, "bias", None)
        # plain attributes: the twin has no parameters of its own
        self.weight: Tensor = weight.t() if type(source).__name__ == "Conv1D" else weight
        self.source_bias: Tensor | None = None if bias is None else bias.detach()
        self.dtype = dtype
        self.behind = "none"  # what oneDNN does to the outputs before it writes them
        self.renew()

    @torch.no_grad()
    def renew(self) -> None:
        """Take over the original's present weights."""
        self.blocks: Tensor | None = None  # first of all: what it held is what the new one takes
        self.blocks = torch.ops.mkldnn._reorder_linear_weight(self.weight.to(self.dtype).contiguous(), None)
        self.bias = None if self.source_bias is None else self.source_bias.to(self.dtype, copy=True)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., outputs] in ``dtype`` of [..., inputs] in any."""
        # query, key and value are made of one input
        cast = inputs if inputs.dtype == self.dtype else PASS_CACHE.of(("cast", self.dtype), inputs, lambda: inputs.to(self.dtype))
        return torch.ops.mkldnn._linear_pointwise(cast, self.blocks, self.bias, self.behind, [], "")


class PackedTwin(ScoringModel):
    """``model`` is a twin of the original in ``dtype``; ``renew`` follows the original's weights."""

    def __init__(self, original: nn.Module, dtype: torch.dtype) -> None:
        super().__init__(original)
        self.layers: list[Packed] = []
        for parent in list(self.model.modules()):
            for name, child in list(parent.named_children()):
                if type(child).__name__ in LINEAR:
                    setattr(parent, name, Packed(child, dtype))
                    self.layers.append(getattr(parent, name))
            first, activation = getattr(parent, "fc1", None), getattr(parent, "activation_fn", None)
            if isinstance(first, Packed) and type(activation) is nn.ReLU:
                # OPT's layer: the product clips its own outputs, to the same bits
                first.behind, parent.activation_fn = "relu", nn.Identity()

    def renew(self) -> None:
        """Pack the original's present weights."""
        parallel_map(Packed.renew, [self.layers], lambda layer: layer.weight.numel())


def packed_twin(network: SplitModel, dtype: torch.dtype | None) -> tuple[PackedTwin | None, str]:
    """The packed twin where it proves itself, or None and the reason; ``dtype`` is autocast's, None for fp32."""
    if not torch.backends.mkldnn.is_available():
        return None, "this torch has no oneDNN"
    size = weights_size(network.model, dtype)
    if size > LARGEST:
        return None, f"a second copy of its weights would take {size / 2**30:.1f} GiB"
    try:
        twin = PackedTwin(network.model, dtype or torch.float32)
        reason = _difference(network, with_scoring_model(network, twin), dtype)
    except UNSUITED as error:
        return None, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return (None, reason) if reason else (twin, "")


@without_gradients()
def _difference(original: SplitModel, packed: SplitModel, dtype: torch.dtype | None) -> str:
    """How the twin's logits differ from the original's on a small batch by more than rounding; empty where they do not."""
    vocabulary = original.model.config.vocab_size
    ids = (torch.arange(2 * TRIAL) * 7919 % vocabulary).reshape(2, TRIAL)
    with autocast("cpu", dtype):
        wanted, found = (network.logits(network.features(ids, use_cache=False)) for network in (original, packed))
    gap = float((wanted - found).abs().max() / wanted.abs().max().clamp(min=1.0))
    allowed = TOLERANCE if dtype is None else HALF_TOLERANCE
    return "" if gap <= allowed else f"packed weights move its logits by {gap:.2g} (relative)"
