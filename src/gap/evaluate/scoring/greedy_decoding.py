"""Greedy answers to many prompts of different lengths at once.

Prompts are fed padded on the right: no row ever sees only padding, which gives NaN in fp16 with padding on the left.
The keys and values of all prompts then stand in one buffer per layer, new tokens behind the longest prompt, and a mask
hides what lies between a prompt's end and the first new token.  Position ids count on from each prompt's own length, and a window
of attention goes by them, not by places in the buffer.
On a CPU, where the cost of a step grows with its rows, answers that have ended are removed from the buffers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from gap.evaluate.engine.chunked_attention import SLICED

if TYPE_CHECKING:
    from gap.evaluate.engine.split_model import SplitModel

#: Steps between two checks of which answers have ended, on a device where a check waits for all work in flight.
CHECK_EVERY = 8
#: Devices on which ended rows are removed: when they are one in so many, and at least so many steps are left (moving another row
#: into the place of one costs about as much as decoding two or three tokens for it).
COMPACTING, ENDED_SHARE, MIN_STEPS_LEFT = ("cpu",), 8, 4


class StaticKVCacheLayer(DynamicLayer):
    """Keys and values of one layer in a buffer that has space for new tokens, written in place."""

    def __init__(self, keys: Tensor, values: Tensor, length: int) -> None:
        super().__init__()
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self.buffers, self.length = (keys, values), length
        self._set_views()

    def _set_views(self) -> tuple[Tensor, Tensor]:
        keys, values = (buffer[:, :, : self.length] for buffer in self.buffers)
        self.keys, self.values = keys, values
        return keys, values

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the new states behind the old ones and return all of them."""
        end = self.length + key_states.shape[-2]
        self.buffers[0][:, :, self.length : end] = key_states
        self.buffers[1][:, :, self.length : end] = value_states
        self.length = end
        return self._set_views()

    def compact(self, holes: Tensor, movers: Tensor, count: int) -> None:
        """Copy the rows ``movers`` over the rows ``holes`` (one index each), then drop all rows from ``count`` on."""
        for buffer in self.buffers:
            buffer[holes, :, : self.length] = buffer[movers, :, : self.length]
        keys, values = (buffer[:count] for buffer in self.buffers)
        self.buffers = (keys, values)
        self._set_views()


@dataclass
class StaticKVCache:
    """The buffers of all layers, [rows, heads, max_prompt_length + max_steps, size] each, filled group by group of rows.

    max_steps: passes behind the prompts, one less than new tokens because the last one is not fed; dtype: of the buffers, None
    for that of what fills them.
    """

    rows: int
    max_prompt_length: int
    max_steps: int
    dtype: torch.dtype | None = None
    layers: list[tuple[Tensor, Tensor]] | None = None

    def put(self, first: int, cache: DynamicCache) -> None:
        """Copy the states of the prompts in ``cache`` into the rows from ``first`` on."""
        layers: list[Any] = cache.layers
        states: list[tuple[Tensor, Tensor]] = [(layer.keys, layer.values) for layer in layers]
        if self.layers is None:
            self.layers = [(self._empty(keys), self._empty(values)) for keys, values in states]
        for buffers, parts in zip(self.layers, states, strict=True):
            for buffer, part in zip(buffers, parts, strict=True):
                prompt = part[:, :, : self.max_prompt_length]
                buffer[first : first + prompt.shape[0], :, : prompt.shape[2]] = prompt

    def _empty(self, like: Tensor) -> Tensor:
        # zeros: a masked position must not hold a NaN by chance
        return like.new_zeros(self.rows, like.shape[1], self.max_prompt_length + self.max_steps, like.shape[3], dtype=self.dtype)

    def cache(self) -> Cache:
        """A cache over the buffers that begins behind the longest prompt."""
        return Cache(layers=[StaticKVCacheLayer(keys, values, self.max_prompt_length) for keys, values in self.layers or []])


def whole_cache(config: Any) -> DynamicCache:
    """A cache that keeps all keys and values; layers with a window of attention would drop those of long prompts' beginnings."""
    cache = DynamicCache(config=config)
    return DynamicCache() if any(getattr(layer, "is_sliding", False) for layer in cache.layers) else cache


@dataclass(frozen=True)
class AttentionWindow:
    """A window of attention that is shorter than what is decoded: a token sees the ``size`` last ones, itself among them.

    by_layer: only some layers have it, and the model takes a mask for each kind of layer.
    """

    size: int
    by_layer: bool

    def mask(self, visible: Tensor, prompt_lengths: Tensor, max_prompt_length: int, step: int) -> Tensor | dict[str, Tensor]:
        """``visible`` [rows, 1, 1, columns] without what lies too far before new token ``step``; for each kind of layer where they differ."""
        columns = torch.arange(visible.shape[-1], device=visible.device)
        lengths, new = prompt_lengths[:, None], columns - max_prompt_length
        positions = torch.where(new < 0, columns, lengths + new)
        windowed = visible & (lengths + step - positions < self.size)[:, None, None]
        return {"full_attention": visible, "sliding_attention": windowed} if self.by_layer else windowed


def attention_window(config: Any, length: int) -> AttentionWindow | None:
    """The window of a model that reads ``length`` tokens at most; None where it has none that matters."""
    size, kinds = getattr(config, "sliding_window", None), set(getattr(config, "layer_types", None) or ())
    if not size or length <= size or (kinds and "sliding_attention" not in kinds):
        return None
    return AttentionWindow(int(size), by_layer=bool(kinds))


def cache_dtype(network: SplitModel) -> torch.dtype | None:
    """The dtype in which the attention reads its cache, None for that of its keys and values."""
    return torch.float32 if network.model.config._attn_implementation == SLICED else None


def greedy_decode(network: SplitModel, prompts: StaticKVCache, prompt_lengths: Tensor, first: Tensor, table: Tensor) -> Tensor:
    """Token ids [rows, at most max_steps + 1] of the answers that begin with ``first`` [rows].

    ``prompts`` holds the prompts' keys and values, ``prompt_lengths`` [rows] their tokens; ``table`` is ``stop_table``'s.
    Stops when every row has ended; the tokens of a row behind its end are meaningless.
    """
    device, final = first.device.type, table.shape[0] - 1
    columns = torch.arange(prompts.max_prompt_length + prompts.max_steps, device=first.device)
    visible = (columns < prompt_lengths[:, None]) | (columns >= prompts.max_prompt_length)
    window = None
    if network.model.config._attn_implementation in ("sdpa", SLICED):
        # ready-made: otherwise the model builds it anew at every step
        visible = visible[:, None, None]
        window = attention_window(network.model.config, len(columns))
    answers = first.new_zeros(len(first), prompts.max_steps + 1)
    index, state = torch.arange(len(first), device=first.device), table[torch.zeros_like(first), first]
    rows = _ActiveRows(index, answers.clone(), state, prompt_lengths, visible, prompts.cache())
    rows.tokens[:, 0] = first
    steps = prompts.max_steps
    check_every = 1 if device == "cpu" else CHECK_EVERY
    for step in range(prompts.max_steps):
        if step % check_every == 0:
            ended = rows.state == final
            count = int(ended.sum())
            if count == len(ended):
                steps = step
                break
            if device in COMPACTING and count * ENDED_SHARE >= len(ended) and prompts.max_steps - step >= MIN_STEPS_LEFT:
                answers[rows.index[ended]] = rows.tokens[ended]
                rows.remove(ended, count)
        mask: Any = rows.visible[..., : prompts.max_prompt_length + step + 1]
        if window is not None:
            mask = window.mask(mask, rows.prompt_lengths, prompts.max_prompt_length, step)
        features = network.features(
            rows.tokens[:, step, None],
            attention_mask=mask,
            position_ids=(rows.prompt_lengths + step)[:, None],
            past_key_values=rows.cache,
            use_cache=True,
        )
        token = network.logits(features[:, -1]).argmax(-1)
        rows.tokens[:, step + 1] = token
        rows.state = table[rows.state, token]
    answers[rows.index] = rows.tokens
    return answers[:, : steps + 1]


@dataclass
class _ActiveRows:
    """The rows that are still decoded.

    index: of each in the chunk; tokens: of its answer; state: in the stop table; visible: which positions it attends to.
    """

    index: Tensor
    tokens: Tensor
    state: Tensor
    prompt_lengths: Tensor
    visible: Tensor
    cache: Any

    def remove(self, ended: Tensor, count: int) -> None:
        """Remove the ``count`` rows that ``ended`` [rows] marks; the last of the others are moved into their places."""
        left = len(ended) - count
        holes, movers = ended[:left].nonzero().squeeze(1), left + (~ended[left:]).nonzero().squeeze(1)
        order = torch.arange(left, device=ended.device)
        order[holes] = movers
        self.index, self.tokens, self.state = self.index[order], self.tokens[order], self.state[order]
        self.prompt_lengths, self.visible = self.prompt_lengths[order], self.visible[order]
        for layer in self.cache.layers:
            layer.compact(holes, movers, left)
