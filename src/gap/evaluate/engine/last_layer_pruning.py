"""The last decoder layer, for the places that are looked at alone.

Behind the last layer nothing mixes places any more: there every place needs keys and values, but only those that predict
something need a query, the attention's output projection and the feed-forward block.  A twin of the model has these parts
wrapped; which places are looked at is told to each pass through ``gap.evaluate.engine.split_model.QueryPositions``.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from gap.evaluate.engine.split_model import QueryPositions

#: Where a decoder layer has its attention, the attention its query and output projections (a query that shares a product with
#: keys and values stays), and the layer its feed-forward block: one module, or two layers with an activation between them.
ATTENTION = ("self_attn", "attn", "attention")
QUERY = ("q_proj",)
OUTPUT = ("o_proj", "out_proj", "c_proj", "dense")
BLOCK = ("mlp",)
PAIR = ("fc1", "fc2")


class SelectedPositions(nn.Module):
    """``source``, which maps every place by itself, on the places that are looked at; all of them where nothing is said.

    A place that is not looked at gets what one that is has.  ``gather`` and ``spread`` say whether the places are chosen in
    front of ``source`` and put back behind it: the first of several such modules gathers, the last one spreads.
    """

    def __init__(self, source: nn.Module, looked: QueryPositions, gather: bool = True, spread: bool = True) -> None:
        super().__init__()
        self.source, self.looked, self.gather, self.spread = source, looked, gather, spread

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., outputs] of [..., inputs]; between gathering and spreading [1, n, size]."""
        looked = self.looked
        if looked.rows is None:
            return self.source(inputs)
        if self.gather:
            looked.shape = inputs.shape[:-1]
            inputs = inputs.flatten(0, -2)[looked.rows][None]
        outputs = self.source(inputs)
        # a gather, not a scatter: on a GPU that has no fast deterministic form
        return outputs[0][looked.nearest].view(*looked.shape, -1) if self.spread else outputs


def prune(model: Any, body: nn.Module) -> QueryPositions:
    """Wrap the last layer's parts in place; returns what tells them which places are looked at.

    Raises
    ------
    NotImplementedError: no such parts are found (nothing is changed then).
    """
    layer = _last_layer(model, body)
    attention = next((getattr(layer, name) for name in ATTENTION if hasattr(layer, name)), None)
    looked = QueryPositions()
    wrapped = [
        (attention, name, SelectedPositions(getattr(attention, name), looked)) for name in (*QUERY, *OUTPUT) if hasattr(attention, name)
    ]
    if all(hasattr(layer, name) for name in PAIR):
        first, second = (getattr(layer, name) for name in PAIR)
        wrapped += [
            (layer, PAIR[0], SelectedPositions(first, looked, spread=False)),
            (layer, PAIR[1], SelectedPositions(second, looked, gather=False)),
        ]
    elif any(hasattr(layer, name) for name in BLOCK):
        wrapped += [(layer, name, SelectedPositions(getattr(layer, name), looked)) for name in BLOCK if hasattr(layer, name)]
    else:
        raise NotImplementedError("its last layer has no feed-forward block of a known name")
    for parent, name, module in wrapped:
        setattr(parent, name, module)
    return looked


def _last_layer(model: Any, body: nn.Module) -> nn.Module:
    count = getattr(model.config, "num_hidden_layers", None)
    found = [module for module in body.modules() if isinstance(module, nn.ModuleList) and len(module) == count]
    if len(found) != 1:
        raise NotImplementedError(f"{len(found)} lists of {count} layers are found in it, not one")
    return found[0][-1]
