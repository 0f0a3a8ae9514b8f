"""Extraction likelihood: how much of a text greedy decoding gives back from its beginnings.

Jang et al. 2022, *Knowledge Unlearning for Mitigating Privacy Risks in Language Models*: for a text x of T tokens

    EL_n(x) = 1 / (T - n) * sum over t = 1 .. T - n of OVERLAP_n(f(x_<t), x_>=t),

where f(x_<t) is the greedy continuation of the first t tokens up to the text's length, and OVERLAP_n(a, b) the share of
the n-grams of a that occur in b.  The authors' code (joeljang/knowledge-unlearning, ``validation_el``) decodes from every
t and divides by the number of n-grams of the true suffix, so that an answer that ends early counts as missing; so do we.
Two bounds keep the cost of a text fixed: t runs over a number of evenly spaced prefixes, and a continuation, and the
suffix it is held against, over a number of tokens.  With as many of both as the text has tokens this is their measure.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gap.describe.predictions import Reading
from gap.models.equivalence import UNSUITED, describe_error
from gap.models.plain_decoding import decode_without_cache
from gap.models.sharding import without_gradients
from gap.models.text import eos_ids, until
from gap.params.describe import Describe

#: How far a greedy token's logit may stand below the largest: rounding, as a share of the largest magnitude (at least 1).
ALLOWED = 1e-4
LOG = logging.getLogger(__name__)


class Decoder:
    """How a model continues prefixes: from the cache of the text where that proves to be greedy, else without one.

    Tried on the first text and on each that is longer than all before it: a window of attention shows on long texts alone.
    ``reason``: why not from the cache; empty where from it.
    """

    def __init__(self, model: Any) -> None:
        self.model, self.reason, self.proven = model, "", 0

    def continuations(self, reading: Reading, starts: Sequence[int], length: int) -> list[list[int]]:
        """``length`` greedy tokens behind each prefix x_<t, t in ``starts``; those beyond the text's length mean nothing."""
        if not self.reason and len(reading.ids) > self.proven:
            self.reason, self.proven = self._prove(reading, starts, length), len(reading.ids)
            if self.reason:
                LOG.warning("%s continues texts without a cache: %s", type(self.model).__name__, self.reason)
        return (plain_continuations if self.reason else continuations)(self.model, reading, starts, length)

    def _prove(self, reading: Reading, starts: Sequence[int], length: int) -> str:
        try:
            answers = continuations(self.model, reading, starts, length)
        except UNSUITED as error:
            return f"its cache cannot be shared ({describe_error(error)})"
        distance = max(not_greedy(self.model, reading.ids, start, answer) for start, answer in zip(starts, answers, strict=True))
        return "" if distance <= ALLOWED else f"a token's logit stands {distance:.2g} of the largest below the likeliest token's"


def prefixes(tokens: int, ngram: int, count: int) -> list[int]:
    """Lengths t of at most ``count`` prefixes, evenly spaced over 1 to ``tokens - ngram``; none where the text is too short."""
    last = tokens - ngram
    if last < 1:
        return []
    return sorted({round(float(length)) for length in np.linspace(1, last, min(count, last))})


def extraction_likelihood(decoder: Decoder, reading: Reading, settings: Describe) -> float:
    """Mean overlap over the prefixes, 0 to 1; NaN for a text of ``settings.ngram`` tokens or fewer."""
    ids = reading.ids.tolist()
    starts = prefixes(len(ids), settings.ngram, settings.prefixes)
    if not starts:
        return float("nan")
    lengths = [min(settings.continuation, len(ids) - start) for start in starts]
    answers = decoder.continuations(reading, starts, max(lengths))
    ends = eos_ids(decoder.model)
    shares = [
        overlap(until(answer[:length], ends), ids[start : start + length], settings.ngram)
        for answer, start, length in zip(answers, starts, lengths, strict=True)
    ]
    return float(np.mean(shares))


def overlap(answer: Sequence[int], true: Sequence[int], ngram: int) -> float:
    """N-grams of ``answer`` that occur in ``true``, over the number of n-grams of ``true``, which has ``ngram`` ids or more."""
    true_ngrams = set(ngrams(true, ngram))
    return sum(item in true_ngrams for item in ngrams(answer, ngram)) / (len(true) - ngram + 1)


def ngrams(ids: Sequence[int], length: int) -> list[tuple[int, ...]]:
    """All runs of ``length`` ids, in order."""
    return [tuple(ids[start : start + length]) for start in range(len(ids) - length + 1)]


@without_gradients()
def continuations(model: Any, reading: Reading, starts: Sequence[int], length: int) -> list[list[int]]:
    """``length`` greedy tokens behind each prefix x_<t, t in ``starts``, all prefixes at once; ends are not looked at.

    The prefixes share the keys and values of the text that was read: each row of the batch sees those of its own first t
    tokens, and its new tokens behind them.  What a row says beyond the text's length means nothing.  Resident: ``len(starts)``
    copies of the text's keys and values.
    """
    device = reading.ids.device
    lengths = torch.tensor(starts, device=device)
    token = reading.greedy[lengths - 1]
    answer = [token]
    cache = copy.deepcopy(reading.cache)
    cache.batch_repeat_interleave(len(starts))
    cached = len(reading.ids) - 1
    visible = torch.arange(cached + length, device=device)[None] < lengths[:, None]
    visible[:, cached:] = True
    for step in range(length - 1):
        position = (lengths + step).clamp(max=cached)  # beyond the text's length the model may have no positions
        output = model(
            input_ids=token[:, None],
            attention_mask=visible[:, : cached + step + 1].long(),
            position_ids=position[:, None],
            past_key_values=cache,
            use_cache=True,
        )
        token = output.logits[:, -1].argmax(dim=-1)
        answer.append(token)
    return torch.stack(answer, dim=1).tolist()


@without_gradients()
def plain_continuations(model: Any, reading: Reading, starts: Sequence[int], length: int) -> list[list[int]]:
    """The same by a pass over prefix and answer for every token, without a cache."""
    lengths = torch.tensor(starts, device=reading.ids.device)

    def logits_at(ids: Tensor, places: Tensor) -> Tensor:
        rows = torch.arange(len(ids), device=ids.device)
        return model(input_ids=ids, position_ids=_counted(ids), use_cache=False).logits[rows, places]

    prompts = reading.ids[None].repeat(len(starts), 1)
    return decode_without_cache(logits_at, prompts, lengths, length, limit=len(reading.ids)).tolist()


@without_gradients()
def not_greedy(model: Any, ids: Tensor, start: int, answer: Sequence[int]) -> float:
    """How far below the largest logit those of ``answer`` behind the first ``start`` of ``ids`` [n] stand at most, where plain
    passes are taken: a share of the largest magnitude (at least 1).  What goes beyond n tokens is left out.
    """
    said = torch.tensor(answer[: len(ids) - start], device=ids.device)
    fed = torch.cat([ids[:start], said])[None, :-1]
    logits = model(input_ids=fed, position_ids=_counted(fed), use_cache=False).logits[0, start - 1 :].float()
    below = logits.max(dim=1).values - logits.gather(1, said[:, None])[:, 0]
    return float(below.max()) / max(1.0, float(logits.abs().max()))


def _counted(ids: Tensor) -> Tensor:
    """Positions [1, width] of ``ids`` [rows, width]; given, they spare a sum that has no deterministic CUDA kernel."""
    return torch.arange(ids.shape[1], device=ids.device)[None]
