"""Greedy answers to many prompts of different lengths at once.

Prompts are fed padded on the right: no row ever sees only padding, which gives NaN in fp16 with padding on the left.
The keys and values of all prompts then stand in one buffer per layer, new tokens behind the longest prompt, and a mask
hides what lies between a prompt's end and the first new token.  Position ids count on from each prompt's own length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from gap.evaluate.attention import SLICED
from gap.evaluate.network import Network

#: Steps between two looks at whether all answers have ended, on a device where looking waits for all work in flight.
LOOK = 8


class Slab(DynamicLayer):
    """Keys and values of one layer in a buffer with room for new tokens, written in place."""

    def __init__(self, keys: Tensor, values: Tensor, length: int) -> None:
        super().__init__()
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self.slab, self.length = (keys, values), length
        self._show()

    def _show(self) -> tuple[Tensor, Tensor]:
        keys, values = (part[:, :, : self.length] for part in self.slab)
        self.keys, self.values = keys, values
        return keys, values

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the new states behind the old ones and return all of them."""
        end = self.length + key_states.shape[-2]
        self.slab[0][:, :, self.length : end] = key_states
        self.slab[1][:, :, self.length : end] = value_states
        self.length = end
        return self._show()


@dataclass
class Slabs:
    """The buffers of all layers, [rows, heads, longest + room, size] each, filled group by group of rows."""

    rows: int
    longest: int
    room: int
    layers: list[tuple[Tensor, Tensor]] | None = None

    def put(self, first: int, cache: DynamicCache) -> None:
        """Copy the states of the prompts in ``cache`` into the rows from ``first`` on."""
        layers: list[Any] = cache.layers
        filled: list[tuple[Tensor, Tensor]] = [(layer.keys, layer.values) for layer in layers]
        if self.layers is None:
            self.layers = [(self._empty(keys), self._empty(values)) for keys, values in filled]
        for own, new in zip(self.layers, filled, strict=True):
            for target, part in zip(own, new, strict=True):
                kept = part[:, :, : self.longest]
                target[first : first + kept.shape[0], :, : kept.shape[2]] = kept

    def _empty(self, like: Tensor) -> Tensor:
        # zeros: a masked place must not hold a NaN by chance
        return like.new_zeros(self.rows, like.shape[1], self.longest + self.room, like.shape[3])

    def cache(self) -> Cache:
        """A cache over the buffers that begins behind the longest prompt."""
        return Cache(layers=[Slab(keys, values, self.longest) for keys, values in self.layers or []])


def greedy(network: Network, slabs: Slabs, first: Tensor, lengths: Tensor, table: Tensor) -> Tensor:
    """Token ids [rows, at most room + 1] of the answers that begin with ``first`` [rows].

    ``lengths`` [rows] are those of the prompts; ``table`` is ``stopping.stop_table``.  Stops when every row has ended;
    what a row holds behind its end means nothing.
    """
    final = table.shape[0] - 1
    cache, token = slabs.cache(), first
    columns = torch.arange(slabs.longest + slabs.room, device=first.device)
    seen = (columns < lengths[:, None]) | (columns >= slabs.longest)
    if network.model.config._attn_implementation in ("sdpa", SLICED):
        # ready-made: otherwise the model builds it anew at every step
        seen = seen[:, None, None]
    answer, state = [token], table[torch.zeros_like(token), token]
    look = 1 if first.device.type == "cpu" else LOOK
    for step in range(slabs.room):
        if step % look == 0 and bool((state == final).all()):
            break
        features = network.features(
            token[:, None],
            attention_mask=seen[..., : slabs.longest + step + 1],
            position_ids=(lengths + step)[:, None],
            past_key_values=cache,
            use_cache=True,
        )
        token = network.logits(features[:, -1]).argmax(-1)
        answer.append(token)
        state = table[state, token]
    return torch.stack(answer, dim=1)
