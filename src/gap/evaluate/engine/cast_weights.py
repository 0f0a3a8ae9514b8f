"""Half-precision copies of the linear layers' weights, for scoring under autocast.

Autocast casts every weight anew at every use when no gradient is asked for.  A copy of the model shares all its tensors
but holds the weights of its linear layers in half precision already; they are refreshed once per checkpoint.  Autocast
finds nothing to cast, and computes what it would have computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

#: Layers whose matrix product autocast runs in half precision, by class name (transformers' GPT-2 has its own).
LINEAR = ("Linear", "Conv1D")


def cast_linear_layers(model: Any, dtype: torch.dtype) -> Callable[[], None]:
    """Give the linear layers of ``model`` weights of their own in ``dtype``.

    Returns what rounds the present values of the weights that they had to ``dtype`` again, in place.
    """
    sources: list[Tensor] = []
    copies: list[Tensor] = []
    for module in model.modules():
        if type(module).__name__ in LINEAR:
            for name, weight in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(torch.empty_like(weight, dtype=dtype), requires_grad=False))
                sources.append(weight.detach())
                copies.append(getattr(module, name).detach())

    @torch.no_grad()
    def refresh() -> None:
        torch._foreach_copy_(copies, sources)

    refresh()
    return refresh
