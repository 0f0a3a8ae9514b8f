"""Summed log-probabilities of continuations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gap.evaluate.encoding.batches import Batch, ItemChunk, batch_cost
from gap.models.sharding import without_gradients

if TYPE_CHECKING:
    from gap.evaluate.engine.split_model import SplitModel

#: Logits held at once (numbers): few enough that a CPU's allocator hands the same 16 MiB out again instead of asking the system
#: for fresh pages; on a GPU 512 MiB, so that few kernels do much.
LOGITS = {"cpu": 2**22, "cuda": 2**27}
#: Logits normalised at once (fp32 numbers): 2 MiB stay in a CPU's caches between the passes of logsumexp.
NORMALISED = {"cpu": 2**19, "cuda": 2**27}
#: [t] index of a row, and [t] token that is looked up in it.
Lookup = tuple[Tensor, Tensor]
#: Logits [n, vocabulary] in any dtype and a look-up -> fp32 [t, ...].
Read = Callable[[Tensor, Lookup], Tensor]


def score_chunks(network: SplitModel, chunks: Iterable[ItemChunk]) -> list[list[np.ndarray]]:
    """Per chunk, per item: the sum of token log-probabilities (nats) of each continuation, fp64.

    Token log-probabilities are computed in fp32 and added in fp64 in the order of the tokens.  Where items have one continuation,
    its sum is followed by the largest that one other token would give: no larger where greedy decoding gives the continuation.
    """
    chunks = list(chunks)
    single = bool(chunks) and all(size == 1 for chunk in chunks for size in chunk.sizes)
    read = with_rival if single else look_up
    with without_gradients():
        parts = network.map(lambda batch: read_targets(network, batch, read), [chunk.batches for chunk in chunks], batch_cost)
        # one transfer for everything: on a GPU each one waits for all work in flight
        flat = torch.cat(parts).cpu().numpy().astype(np.float64) if parts else np.zeros(0)
    scores, first = [], 0
    for chunk in chunks:
        sums, gain = np.zeros(sum(chunk.sizes)), np.full(sum(chunk.sizes), -np.inf)
        for batch in chunk.batches:
            values, slots = flat[first : first + len(batch.slots)], np.array(batch.slots)
            np.add.at(sums, slots, values[:, 0] if single else values)
            if single:
                np.maximum.at(gain, slots, values[:, 1] - values[:, 0])
            first += len(batch.slots)
        scores.append(list(np.stack([sums, sums + gain], axis=1)) if single else np.split(sums, np.cumsum(chunk.sizes)[:-1]))
    return scores


def token_log_probabilities(network: SplitModel, batch: Batch) -> Tensor:
    """Log-probability (fp32) of each target of a batch, [t]."""
    return read_targets(network, batch, look_up)


def read_targets(network: SplitModel, batch: Batch, read: Read) -> Tensor:
    """What ``read`` gives for each target of a batch, [t, ...].

    Single sequences need no mask: padding stands on the right, behind everything that is looked up.
    """
    inputs = {} if batch.attention_mask is None else {"attention_mask": batch.attention_mask, "position_ids": batch.position_ids}
    features = network.features(batch.ids, batch.query_positions, use_cache=False, **inputs)
    return _from_logits(network, features.flatten(0, 1)[batch.query_positions], batch, read)


def log_probabilities(network: SplitModel, features: Tensor, batch: Batch) -> Tensor:
    """Log-probabilities (fp32) [t] of the targets of ``batch`` by the features [n, size] of its query positions.

    The head is applied to a fixed number of rows at a time, so that memory stays bounded and the numbers do not depend on it.
    """
    return _from_logits(network, features, batch, look_up)


def _from_logits(network: SplitModel, features: Tensor, batch: Batch, read: Read) -> Tensor:
    """What ``read`` gives for each target [t, ...], by as many rows of logits at a time as may be held."""
    rows = max(1, LOGITS.get(features.device.type, 2**25) // network.model.config.vocab_size)
    lookup = (batch.query_index, batch.targets)
    return _in_slices(len(features), rows, lookup, lambda part, lookup: read(network.raw_logits(features[part]), lookup))


def _in_slices(count: int, rows: int, lookup: Lookup, read: Callable[[slice, Lookup], Tensor]) -> Tensor:
    """What ``read`` gives for each target [t, ...] in at most ``rows`` of ``count`` rows at a time."""
    if count <= rows:
        return read(slice(0, count), lookup)
    index, targets = lookup
    order, parts = [], []
    for first in range(0, count, rows):
        within = torch.nonzero((index >= first) & (index < first + rows)).squeeze(1)
        order.append(within)
        parts.append(read(slice(first, first + rows), (index[within] - first, targets[within])))
    return torch.cat(parts)[torch.cat(order).argsort()]


def look_up(logits: Tensor, lookup: Lookup) -> Tensor:
    """The targets' log-probabilities [t]: some rows at a time, each row by itself.

    By logsumexp: torch's log_softmax adds up a row of 50,000 exponentials in one fp32 sum, and errs upwards by some 1e-6 nats a token.
    """
    rows = max(1, NORMALISED.get(logits.device.type, 2**27) // logits.shape[-1])
    return _in_slices(len(logits), rows, lookup, lambda part, lookup: _normalised(logits[part].float(), lookup))


def _normalised(logits: Tensor, lookup: Lookup) -> Tensor:
    return logits[lookup] - torch.logsumexp(logits, dim=-1)[lookup[0]]


def with_greedy(logits: Tensor, lookup: Lookup) -> Tensor:
    """The targets' log-probabilities, and 1 where a target is the likeliest token (the first on ties), else 0: [t, 2]."""
    index, targets = lookup
    return torch.stack([look_up(logits, lookup), (logits.argmax(-1)[index] == targets).float()], dim=1)


def with_rival(logits: Tensor, lookup: Lookup) -> Tensor:
    """The targets' log-probabilities, and those of the likeliest other token at the same position: [t, 2]."""
    index, targets = lookup
    first, second = logits.topk(2).indices[index].unbind(-1)
    rivals = torch.where(first == targets, second, first)
    return torch.stack([look_up(logits, (index, tokens)) for tokens in (targets, rivals)], dim=1)
