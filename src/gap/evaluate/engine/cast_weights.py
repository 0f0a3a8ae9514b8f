"""Half-precision copies of the linear layers' weights, for scoring under autocast.

Autocast casts every weight anew at every use when no gradient is asked for.  A twin of the model shares all its tensors
but holds the weights of its linear layers in half precision already; one copy per checkpoint renews them.  Autocast finds
nothing to cast, and computes what it would have computed.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from gap.evaluate.engine.split_model import QueryPositions, SplitModel

#: Layers whose matrix product autocast runs in half precision, by class name (transformers' GPT-2 has its own).
LINEAR = ("Linear", "Conv1D")


def weights_size(model: nn.Module, dtype: torch.dtype | None) -> int:
    """Bytes of its weights in ``dtype``, None for fp32."""
    return sum(weight.numel() for weight in model.parameters()) * (dtype or torch.float32).itemsize


class ScoringModel:
    """A model over the original's own tensors that scores in its place; how it computes may be changed, the original stays.

    looked: tells its last layer what is looked at, None where that feeds every place through (``gap.evaluate.engine.last_layer_pruning``);
    parallel: its passes may run side by side; refused: what it was to have and has not -> why.
    """

    def __init__(self, original: nn.Module) -> None:
        shared = {id(tensor): tensor for tensor in (*original.parameters(), *original.buffers())}
        self.model: Any = deepcopy(original, shared)
        self.looked: QueryPositions | None = None
        self.parallel = False
        self.refused: dict[str, str] = {}

    def renew(self) -> None:
        """Take over the original's present weights: these are the original's."""


class CastScoringModel(ScoringModel):
    """``model`` is a twin of the original in ``dtype``; ``renew`` follows the original's weights, in place."""

    def __init__(self, original: nn.Module, dtype: torch.dtype) -> None:
        super().__init__(original)
        self.sources: list[Tensor] = []
        self.copies: list[Tensor] = []
        for module in self.model.modules():
            if type(module).__name__ in LINEAR:
                for name, weight in list(module.named_parameters(recurse=False)):
                    setattr(module, name, nn.Parameter(torch.empty_like(weight, dtype=dtype), requires_grad=False))
                    self.sources.append(weight.detach())
                    self.copies.append(getattr(module, name).detach())
        self.renew()

    @torch.no_grad()
    def renew(self) -> None:
        """Round the original's present weights to half precision."""
        torch._foreach_copy_(self.copies, self.sources)


def with_scoring_model(network: SplitModel, twin: ScoringModel | None) -> SplitModel:
    """``network`` (split and tried in fp32) with the twin in the original's place, if there is one."""
    if twin is None:
        return network
    model = twin.model
    if network.head is None:
        return SplitModel(model, model, None, network.reason, twin.looked, twin.parallel)
    return SplitModel(model, model.base_model, model.get_output_embeddings(), "", twin.looked, twin.parallel)
