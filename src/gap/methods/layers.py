"""How deep in the model a weight tensor stands, by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gap.core.errors import BadInput

#: A block's number: the first whole number between two dots (model.decoder.layers.3.fc1.weight, transformer.h.3.mlp...).
NUMBER = re.compile(r"\.(\d+)\.")
#: Names of what stands below the first block (embed_out is GPT-NeoX's output); whatever else has no number stands above the last.
BELOW = re.compile(r"embed(?!_out)|wte|wpe|project_in")


@dataclass(frozen=True)
class Depth:
    """``layer`` counts blocks from 1 to ``layers``; 0 is what stands below them (embeddings), ``layers`` + 1 what stands above."""

    layer: int
    layers: int


def depths(names: Sequence[str], setting: str) -> list[Depth]:
    """Depth of each tensor; an output projection that is tied to the embeddings counts as embeddings.

    Parameters
    ----------
    setting: that needs the depths, for the error.

    Raises
    ------
    BadInput: fewer than two numbered layers.
    """
    numbers = [NUMBER.search(name) for name in names]
    blocks = sorted({int(number.group(1)) for number in numbers if number})
    if len(blocks) < 2:
        shown = f"a model with {len(blocks) or 'no'} numbered layer{'s' if len(blocks) != 1 else ''} (weights such as {names[0]!r})"
        raise BadInput(
            setting,
            shown,
            "a model whose weights are named by layer, two layers or more",
            "Use another model, or leave this setting out.",
        )
    layer_of = {number: layer for layer, number in enumerate(blocks, 1)}
    layers = len(blocks)
    return [
        Depth(layer_of[int(number.group(1))] if number else 0 if BELOW.search(name) else layers + 1, layers)
        for name, number in zip(names, numbers, strict=True)
    ]
