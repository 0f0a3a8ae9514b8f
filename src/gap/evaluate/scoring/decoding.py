"""Two ways to answer a chunk of dialogues: from keys and values in a cache, or by plain passes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from gap.evaluate.scoring.greedy_decoding import StaticKVCache, cache_dtype, greedy_decode, whole_cache
from gap.evaluate.scoring.multiple_choice import log_probabilities, token_log_probabilities
from gap.models.plain_decoding import decode_without_cache

if TYPE_CHECKING:
    from gap.evaluate.encoding.dialogue_chunks import DialogueChunk
    from gap.evaluate.engine.split_model import SplitModel
    from gap.evaluate.scoring.dialogue import Dialogues

#: How answers are decoded: all rows of a chunk together from one cache, or by a pass over everything for each token.
Decoding = Literal["cached", "plain"]


def cached_answers(network: SplitModel, dialogues: Dialogues, chunk: DialogueChunk) -> tuple[Tensor, np.ndarray]:
    """Token ids [rows, n] of the answers, and the NLL (nats) of each item's reference, from one cache per chunk."""
    buffers = StaticKVCache(len(chunk.order), chunk.max_prompt_length, dialogues.max_steps, cache_dtype(network))
    first_tokens: list[Tensor] = []
    parts: list[Tensor] = []
    slots: list[int] = []
    row = 0
    for prompts in chunk.prompts:
        batch = prompts.batch
        cache = whole_cache(network.model.config)
        features = network.features(batch.ids, prompts.query_positions, past_key_values=cache, use_cache=True).flatten(0, 1)
        first_tokens.append(network.logits(features[prompts.last]).argmax(-1))
        parts.append(log_probabilities(network, features[batch.query_positions], batch))
        slots += batch.slots
        buffers.put(row, cache)
        row += len(prompts.last)
    for batch in chunk.references_apart:
        parts.append(token_log_probabilities(network, batch))
        slots += batch.slots
    tokens = greedy_decode(network, buffers, chunk.prompt_lengths, torch.cat(first_tokens), dialogues.table)
    return tokens, _summed(parts, slots, len(chunk.order))


def plain_answers(network: SplitModel, dialogues: Dialogues, chunk: DialogueChunk) -> tuple[Tensor, np.ndarray]:
    """The same without a cache: single sequences, padded on the right, in every pass."""
    tokens = chunk.prompt_lengths.new_zeros(len(chunk.order), dialogues.max_steps + 1)
    row = 0
    for prompts in chunk.prompts:
        ids = prompts.batch.ids
        lengths = prompts.last % ids.shape[1] + 1
        found = decode_without_cache(partial(_logits_at, network), ids, lengths, dialogues.max_steps + 1, table=dialogues.table)
        tokens[row : row + len(ids), : found.shape[1]] = found
        row += len(ids)
    return tokens, plain_nll(network, chunk)


def plain_nll(network: SplitModel, chunk: DialogueChunk) -> np.ndarray:
    """NLL (nats) of each item's reference, by a pass without a cache."""
    scored = [prompts.batch for prompts in chunk.prompts if len(prompts.batch.targets)] + list(chunk.references_apart)
    parts = [token_log_probabilities(network, batch) for batch in scored]
    return _summed(parts, [slot for batch in scored for slot in batch.slots], len(chunk.order))


def _logits_at(network: SplitModel, ids: Tensor, places: Tensor) -> Tensor:
    """Logits [rows, vocabulary] of ``ids`` [rows, width] at one column of each row [rows]."""
    positions = torch.arange(len(ids), device=ids.device) * ids.shape[1] + places
    return network.logits(network.features(ids, positions, use_cache=False).flatten(0, 1)[positions])


def _summed(parts: Sequence[Tensor], slots: Sequence[int], count: int) -> np.ndarray:
    """Minus the sum of the log-probabilities of each of ``count`` slots, fp64."""
    nll = np.zeros(count)
    np.subtract.at(nll, np.array(slots, dtype=np.int64), torch.cat(list(parts)).cpu().numpy().astype(np.float64))
    return nll
