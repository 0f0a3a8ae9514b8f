"""The last decoder layer, computed only for the positions that are read.

Behind the last layer's attention no position depends on another one: every position needs keys and values there, but only
those that predict something need a query, the attention's output projection and the feed-forward block.  A copy of the model
has these parts wrapped in ``SelectedPositions``; ``QuerySelection`` tells them the positions of each pass.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

#: Where a decoder layer has its attention, the attention its query and output projections (a query that shares a product with
#: keys and values stays), and the layer its feed-forward block: one module, or two layers with an activation between them.
ATTENTION = ("self_attn", "attn", "attention")
PROJECTIONS = ("q_proj", "o_proj", "out_proj", "c_proj", "dense")
BLOCK = ("mlp",)
FIRST, SECOND = "fc1", "fc2"


@dataclass
class QuerySelection(threading.local):
    """The positions that the pass at hand reads; each thread runs its own passes and has its own selection.

    positions: their flat indices (row * width + column), ascending, [n], None where all are read; nearest: for every position
    the index in ``positions`` of a selected one, its own where it is selected, [rows * width]; shape: [rows, width].
    """

    positions: Tensor | None = None
    nearest: Tensor | None = None
    shape: tuple[int, ...] = ()

    def select(self, positions: Tensor | None, ids: Tensor) -> None:
        """Read flat indices ``positions`` [n] of ``ids`` [rows, width] from now on; all where None."""
        self.positions = positions
        if positions is not None:
            every = torch.arange(ids.numel(), device=ids.device)
            self.nearest = torch.searchsorted(positions, every).clamp_(max=len(positions) - 1)


class SelectedPositions(nn.Module):
    """``source``, which maps every position by itself, applied to the selected positions; to all where nothing is selected.

    A position that is not selected gets the outputs of one that is.  ``gather`` and ``spread`` say whether positions are picked
    in front of ``source`` and put back behind it: the first of several such modules gathers, the last one spreads.
    """

    def __init__(self, source: nn.Module, selection: QuerySelection, *, gather: bool = True, spread: bool = True) -> None:
        super().__init__()
        self.source, self.selection, self.gather, self.spread = source, selection, gather, spread

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., outputs] of [..., inputs]; between gathering and spreading [1, n, size]."""
        selection = self.selection
        if selection.positions is None:
            return self.source(inputs)
        if self.gather:
            selection.shape = inputs.shape[:-1]
            inputs = inputs.flatten(0, -2)[selection.positions][None]
        outputs = self.source(inputs)
        # a gather, not a scatter: on a GPU that has no fast deterministic form
        return outputs[0][selection.nearest].view(*selection.shape, -1) if self.spread else outputs


def prune(model: Any, body: nn.Module) -> QuerySelection:
    """Wrap the parts of the last layer in place; returns what selects their positions.

    Raises
    ------
    NotImplementedError: the layer has no such parts (nothing is changed then).
    """
    layer = _last_layer(model, body)
    attention = next((getattr(layer, name) for name in ATTENTION if hasattr(layer, name)), None)
    wrapped: list[tuple[Any, str, dict[str, bool]]] = [(attention, name, {}) for name in PROJECTIONS if hasattr(attention, name)]
    if hasattr(layer, FIRST) and hasattr(layer, SECOND):
        wrapped += [(layer, FIRST, {"spread": False}), (layer, SECOND, {"gather": False})]
    elif any(hasattr(layer, name) for name in BLOCK):
        wrapped += [(layer, name, {}) for name in BLOCK if hasattr(layer, name)]
    else:
        raise NotImplementedError("its last layer has no feed-forward block of a known name")
    selection = QuerySelection()
    for parent, name, options in wrapped:
        setattr(parent, name, SelectedPositions(getattr(parent, name), selection, **options))
    return selection


def _last_layer(model: Any, body: nn.Module) -> nn.Module:
    count = getattr(model.config, "num_hidden_layers", None)
    lists = [module for module in body.modules() if isinstance(module, nn.ModuleList) and len(module) == count]
    if len(lists) != 1:
        raise NotImplementedError(f"{len(lists)} lists of {count} layers are found in it, not one")
    return lists[0][-1]
