"""Half-precision copies of the linear layers' weights, for scoring under autocast.

Autocast casts every weight anew at every use when no gradient is asked for.  A copy of the model shares all its tensors
but holds the weights of its linear layers in half precision already; they are refreshed once per checkpoint.  Autocast
finds nothing to cast, and computes what it would have computed.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from gap.evaluate.engine.last_layer_pruning import QuerySelection

#: Layers whose matrix product autocast runs in half precision, by class name (transformers' GPT-2 has its own).
LINEAR = ("Linear", "Conv1D")


def weights_size(model: nn.Module, dtype: torch.dtype | None) -> int:
    """Bytes of its weights in ``dtype``, None for fp32."""
    return sum(weight.numel() for weight in model.parameters()) * (dtype or torch.float32).itemsize


class ScoringModel:
    """A copy of a model that scores in its place: it shares the original's tensors, but may compute in another way.

    query_selection: tells its last layer which positions are read, None where that layer computes every position
    (``gap.evaluate.engine.last_layer_pruning``); parallel: its passes may run in parallel; dropped: optimisation that it
    does without -> reason.
    """

    def __init__(self, original: nn.Module) -> None:
        shared = {id(tensor): tensor for tensor in (*original.parameters(), *original.buffers())}
        self.model: Any = deepcopy(original, shared)
        self.query_selection: QuerySelection | None = None
        self.parallel = False
        self.dropped: dict[str, str] = {}

    def refresh_weights(self) -> None:
        """Take over the original's present weights: here they are the original's own tensors."""


class CastScoringModel(ScoringModel):
    """A scoring model whose linear layers hold their weights in ``dtype``; ``refresh_weights`` copies the original's, in place."""

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
        self.refresh_weights()

    @torch.no_grad()
    def refresh_weights(self) -> None:
        """Round the original's present weights to half precision."""
        torch._foreach_copy_(self.copies, self.sources)
