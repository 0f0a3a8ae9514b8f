"""Summed log-probabilities of continuations."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from gap.evaluate.encoding.batches import Batch, ItemChunk, work
from gap.evaluate.engine.split_model import SplitModel
from gap.models.sharding import without_gradients

#: Logits held at once (numbers): few enough that a CPU's allocator hands the same 16 MiB out again instead of asking the system
#: for fresh pages; on a GPU 512 MiB, so that few kernels do much.
LOGITS = {"cpu": 2**22, "cuda": 2**27}
#: Logits normalised at once (fp32 numbers): 2 MiB stay in a CPU's caches between the passes of log-softmax.
SUMMED = {"cpu": 2**19, "cuda": 2**27}


def score_chunks(network: SplitModel, blocks: Iterable[ItemChunk]) -> list[list[np.ndarray]]:
    """Per block, per item: the sum of token log-probabilities (nats) of each continuation, fp64.

    Token log-probabilities are taken in fp32, sums in fp64 in the order of the tokens.  Where items have one continuation, its
    sum is followed by the largest that one token in its stead would give: no larger where greedy decoding gives the continuation.
    """
    blocks = list(blocks)
    single = bool(blocks) and all(size == 1 for block in blocks for size in block.sizes)
    look = beside_rival if single else token_log_probabilities
    with without_gradients():
        parts = network.each(lambda batch: look(network, batch), [block.batches for block in blocks], work)
        # one transfer for everything: on a GPU each one waits for all work in flight
        flat = torch.cat(parts).cpu().numpy().astype(np.float64) if parts else np.zeros(0)
    scores, place = [], 0
    for block in blocks:
        sums, gain = np.zeros(sum(block.sizes)), np.full(sum(block.sizes), -np.inf)
        for batch in block.batches:
            values, slots = flat[place : place + len(batch.slot)], np.array(batch.slot)
            np.add.at(sums, slots, values[:, 0] if single else values)
            if single:
                np.maximum.at(gain, slots, values[:, 1] - values[:, 0])
            place += len(batch.slot)
        scores.append(list(np.stack([sums, sums + gain], axis=1)) if single else np.split(sums, np.cumsum(block.sizes)[:-1]))
    return scores


def token_log_probabilities(network: SplitModel, batch: Batch) -> Tensor:
    """Log-probability (fp32) of each target of a batch, [t].

    Single sequences need no mask: padding stands on the right, behind everything that is looked up.
    """
    return log_probabilities(network, _looked_at(network, batch), batch.pick, batch.target)


def greedy_log_probabilities(network: SplitModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Log-probability (fp32) of each target of a batch, and whether it is the likeliest token (the first on ties), [t] each."""
    found = _piecewise(network, _looked_at(network, batch), batch.pick, batch.target, _with_likeliest)
    return found[:, 0], found[:, 1] > 0


def beside_rival(network: SplitModel, batch: Batch) -> Tensor:
    """Log-probability (fp32) of each target of a batch, and of the likeliest other token at its position: [t, 2]."""

    def pairs(logits: Tensor, pick: Tensor, target: Tensor) -> Tensor:
        first, second = logits.topk(2).indices[pick].unbind(-1)
        return torch.stack([_looked_up(logits, pick, token) for token in (target, torch.where(first == target, second, first))], dim=1)

    return _piecewise(network, _looked_at(network, batch), batch.pick, batch.target, pairs)


def _looked_at(network: SplitModel, batch: Batch) -> Tensor:
    """Features [n, size] of the places that predict something."""
    layout = {} if batch.mask is None else {"attention_mask": batch.mask, "position_ids": batch.positions}
    return network.features(batch.ids, batch.rows, use_cache=False, **layout).flatten(0, 1)[batch.rows]


def log_probabilities(network: SplitModel, features: Tensor, pick: Tensor, target: Tensor) -> Tensor:
    """Log-probabilities [t] of ``target`` [t] by the features [n, size] that ``pick`` [t] chooses.

    The head is applied to a fixed number of rows at a time, so that memory stays bounded and the numbers do not depend on it.
    """
    return _piecewise(network, features, pick, target, _looked_up)


def _piecewise(
    network: SplitModel, features: Tensor, pick: Tensor, target: Tensor, look: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> Tensor:
    """What ``look`` finds for each target [t, ...], by as many rows of logits at a time as may be held."""
    rows = max(1, LOGITS.get(features.device.type, 2**25) // network.model.config.vocab_size)
    return _in_pieces(len(features), rows, pick, target, lambda piece, *places: look(network.raw_logits(features[piece]), *places))


def _in_pieces(count: int, rows: int, pick: Tensor, target: Tensor, look: Callable[[slice, Tensor, Tensor], Tensor]) -> Tensor:
    """What ``look`` finds for each target [t, ...] in at most ``rows`` of ``count`` rows at a time."""
    if count <= rows:
        return look(slice(0, count), pick, target)
    places, parts = [], []
    for first in range(0, count, rows):
        here = torch.nonzero((pick >= first) & (pick < first + rows)).squeeze(1)
        places.append(here)
        parts.append(look(slice(first, first + rows), pick[here] - first, target[here]))
    return torch.cat(parts)[torch.cat(places).argsort()]


def _looked_up(logits: Tensor, pick: Tensor, target: Tensor) -> Tensor:
    """Log-probabilities [t] in fp32 of logits [n, vocabulary] in any dtype: some rows at a time, each row by itself."""
    rows = max(1, SUMMED.get(logits.device.type, 2**27) // logits.shape[-1])

    def look(piece: slice, pick: Tensor, target: Tensor) -> Tensor:
        # one fused pass: logsumexp takes four
        return torch.log_softmax(logits[piece].float(), dim=-1)[pick, target]

    return _in_pieces(len(logits), rows, pick, target, look)


def _with_likeliest(logits: Tensor, pick: Tensor, target: Tensor) -> Tensor:
    """Log-probability, and 1 where the target is the likeliest token, else 0: [t, 2]."""
    return torch.stack([_looked_up(logits, pick, target), (logits.argmax(-1)[pick] == target).float()], dim=1)
