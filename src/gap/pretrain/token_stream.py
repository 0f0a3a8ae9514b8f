"""Training text as one row of token ids per source, and the batches that are sampled from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from gap.core.errors import BadInput

#: Characters encoded in one call of the tokenizer.
CHUNK = 1_000_000
#: Share of a source's stream that measures the validation loss.
VALIDATION = 0.02
#: Tokens behind one validation loss at most, all sources together.
VALIDATION_TOKENS = 16_384

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class TokenStream:
    """One source: its share of the mixture and its token ids, int32, to train on and to validate with."""

    name: str
    share: float
    train: Ids
    validation: Ids


def pack(texts: Iterable[str], tokenizer: Tokenizer, bos: int, limit: int) -> Ids:
    """Token ids of the texts one behind the other, the token ``bos`` in front of each; reading stops once ``limit`` is reached."""
    parts: list[Ids] = []
    total = 0
    for chunk in _chunks(texts):
        for encoding in tokenizer.encode_batch(chunk, add_special_tokens=False):
            parts.append(np.array([bos, *encoding.ids], dtype=np.int32))
            total += len(parts[-1])
        if total >= limit:
            break
    return np.concatenate(parts)[:limit] if parts else np.empty(0, dtype=np.int32)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def split_validation(name: str, share: float, ids: Ids, min_tokens: int) -> TokenStream:
    """Keep the beginning of a stream for validation: ``VALIDATION`` of it, at least ``min_tokens`` tokens.

    The documents come in hash order, so the beginning is an unbiased sample.

    Raises
    ------
    BadInput: too little text for that and as much again to train on.
    """
    count = max(int(VALIDATION * len(ids)), min_tokens)
    if len(ids) < 2 * count:
        allowed = f"at least {2 * count} for this batch and context"
        raise BadInput(f"source {name}", f"{len(ids)} tokens of training text", allowed, "Add text, or lower batch, sequence or context.")
    return TokenStream(name, share, ids[count:], ids[:count])


def sample_batch(streams: list[TokenStream], seed: int, step: int, shape: tuple[int, int]) -> NDArray[np.int64]:
    """The batch of a step, [rows, length + 1] where ``shape`` is (rows, length): each row from a random source at a random start.

    Sources are chosen with the probability of their share.  The batch depends on ``seed`` and ``step`` alone (a
    counter-based generator), so that training resumes anywhere.
    """
    rows, length = shape
    uniform = np.random.Generator(np.random.Philox(key=np.array([seed, step], dtype=np.uint64))).random((rows, 2))
    bounds = np.cumsum([stream.share for stream in streams])[:-1]
    sources = np.searchsorted(bounds, uniform[:, 0], side="right")
    batch = np.empty((rows, length + 1), dtype=np.int64)
    for row, (source, position) in enumerate(zip(sources, uniform[:, 1], strict=True)):
        ids = streams[source].train
        start = int(position * (len(ids) - length))
        batch[row] = ids[start : start + length + 1]
    return batch


def validation_windows(stream: TokenStream, length: int, tokens: int) -> NDArray[np.int64]:
    """Windows of ``length`` + 1 tokens, [n, length + 1], evenly spread over a source's validation tokens without overlap.

    There are as many as its share of ``tokens`` allows, at least one.
    """
    room = (len(stream.validation) - 1) // length
    count = min(room, max(1, round(tokens * stream.share / length)))
    starts = (np.arange(count) * room // count) * length
    return np.stack([stream.validation[start : start + length + 1] for start in starts]).astype(np.int64)
