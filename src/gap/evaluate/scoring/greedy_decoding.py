"""Greedy answers to many prompts of different lengths at once.

Prompts are fed padded on the right: no row ever sees only padding, which gives NaN in fp16 with padding on the left.
The keys and values of all prompts then stand in one buffer per layer, new tokens behind the longest prompt, and a mask
hides what lies between a prompt's end and the first new token.  Position ids count on from each prompt's own length.
On a CPU, where a step costs as much as it has rows, answers that have ended leave the buffers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from gap.evaluate.engine.chunked_attention import SLICED
from gap.evaluate.engine.split_model import SplitModel

#: Steps between two looks at which answers have ended, on a device where looking waits for all work in flight.
LOOK = 8
#: Devices on which ended rows leave: when they are one in so many, and at least so many steps are left (moving another row into
#: the place of one costs about as much as decoding two or three tokens for it).
LEAVING, SHARE, LEFT = ("cpu",), 8, 4


class StaticKVCacheLayer(DynamicLayer):
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

    def move(self, holes: Tensor, movers: Tensor, count: int) -> None:
        """Put the rows ``movers`` in the places ``holes`` (one index each), then forget all rows from ``count`` on."""
        for part in self.slab:
            part[holes, :, : self.length] = part[movers, :, : self.length]
        keys, values = (part[:count] for part in self.slab)
        self.slab = (keys, values)
        self._show()


@dataclass
class StaticKVCache:
    """The buffers of all layers, [rows, heads, longest + room, size] each, filled group by group of rows.

    dtype: of the buffers, None for that of what fills them.
    """

    rows: int
    longest: int
    room: int
    dtype: torch.dtype | None = None
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
        return like.new_zeros(self.rows, like.shape[1], self.longest + self.room, like.shape[3], dtype=self.dtype)

    def cache(self) -> Cache:
        """A cache over the buffers that begins behind the longest prompt."""
        return Cache(layers=[StaticKVCacheLayer(keys, values, self.longest) for keys, values in self.layers or []])


def kept_in(network: SplitModel) -> torch.dtype | None:
    """The dtype in which the attention wants its cache, None for that of its keys and values."""
    return torch.float32 if network.model.config._attn_implementation == SLICED else None


def greedy(network: SplitModel, slabs: StaticKVCache, first: Tensor, lengths: Tensor, table: Tensor) -> Tensor:
    """Token ids [rows, at most room + 1] of the answers that begin with ``first`` [rows].

    ``lengths`` [rows] are those of the prompts; ``table`` is ``stopping.stop_table``.  Stops when every row has ended;
    what a row holds behind its end means nothing.
    """
    device, final = first.device.type, table.shape[0] - 1
    columns = torch.arange(slabs.longest + slabs.room, device=first.device)
    seen = (columns < lengths[:, None]) | (columns >= slabs.longest)
    if network.model.config._attn_implementation in ("sdpa", SLICED):
        # ready-made: otherwise the model builds it anew at every step
        seen = seen[:, None, None]
    answers = first.new_zeros(len(first), slabs.room + 1)
    place, state = torch.arange(len(first), device=first.device), table[torch.zeros_like(first), first]
    rows = _Rows(place, answers.clone(), state, lengths, seen, slabs.cache())
    rows.tokens[:, 0] = first
    fed = slabs.room
    look = 1 if device == "cpu" else LOOK
    for step in range(slabs.room):
        if step % look == 0:
            ended = rows.state == final
            count = int(ended.sum())
            if count == len(ended):
                fed = step
                break
            if device in LEAVING and count * SHARE >= len(ended) and slabs.room - step >= LEFT:
                answers[rows.place[ended]] = rows.tokens[ended]
                rows.leave(ended, count)
        features = network.features(
            rows.tokens[:, step, None],
            attention_mask=rows.seen[..., : slabs.longest + step + 1],
            position_ids=(rows.lengths + step)[:, None],
            past_key_values=rows.cache,
            use_cache=True,
        )
        token = network.logits(features[:, -1]).argmax(-1)
        rows.tokens[:, step + 1] = token
        rows.state = table[rows.state, token]
    answers[rows.place] = rows.tokens
    return answers[:, : fed + 1]


@dataclass
class _Rows:
    """The rows that are still decoded: place in the block, tokens, state in the stop table, prompt's length, what they see."""

    place: Tensor
    tokens: Tensor
    state: Tensor
    lengths: Tensor
    seen: Tensor
    cache: Any

    def leave(self, ended: Tensor, count: int) -> None:
        """Take out the ``count`` rows that ``ended`` [rows] says; the last rows that stay move into their places."""
        stay = len(ended) - count
        holes, movers = ended[:stay].nonzero().squeeze(1), stay + (~ended[stay:]).nonzero().squeeze(1)
        order = torch.arange(stay, device=ended.device)
        order[holes] = movers
        self.place, self.tokens, self.state = self.place[order], self.tokens[order], self.state[order]
        self.lengths, self.seen = self.lengths[order], self.seen[order]
        for layer in self.cache.layers:
            layer.move(holes, movers, stay)
