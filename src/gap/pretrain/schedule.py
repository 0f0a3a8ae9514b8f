"""The budget of a pretraining run and the learning rate along it."""

from __future__ import annotations

import math

from gap.params.models import PretrainedHere

#: Every so many steps the sequences are as long as the context: all position embeddings are trained, at the cost of few long sequences.
LONG_BATCH_EVERY = 4
#: Where the cosine ends, as a fraction of the full learning rate.
FINAL_RATE = 0.1


def batch_shape(settings: PretrainedHere, step: int) -> tuple[int, int]:
    """(sequences, tokens per sequence) of a step; a step of long sequences has as many tokens as one of short ones."""
    if step % LONG_BATCH_EVERY == LONG_BATCH_EVERY - 1:
        return max(1, settings.batch * settings.sequence // settings.context), settings.context
    return settings.batch, settings.sequence


def budget_fraction(settings: PretrainedHere, step: float, seconds: float) -> float:
    """Fraction of the budget that is used up after ``step`` steps and ``seconds`` seconds.

    A budget of tokens is filled with whole steps, so it takes a little more than asked for.
    """
    if settings.tokens is not None:
        return step / math.ceil(settings.tokens / (settings.batch * settings.sequence))
    return seconds / float(settings.seconds or math.inf)


def learning_rate(settings: PretrainedHere, fraction: float) -> float:
    """Linear warm-up, then a cosine down to a tenth (as GPT-3 and OPT were trained), at ``fraction`` of the budget."""
    if fraction < settings.warmup:
        return settings.learning_rate * fraction / settings.warmup
    decayed = min(1.0, (fraction - settings.warmup) / (1 - settings.warmup))
    return settings.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * decayed)))


def tokens_to_read(settings: PretrainedHere, share: float, per_second: int) -> int:
    """Tokens of a source worth reading: a fifth more than will be sampled from it, and enough for validation."""
    budget = settings.tokens if settings.tokens is not None else int(float(settings.seconds or 0) * per_second)
    return max(int(1.2 * budget * share), 4 * min_validation_tokens(settings))


def min_validation_tokens(settings: PretrainedHere) -> int:
    """Validation tokens that a source must have: one batch, and one whole context."""
    return max(settings.batch * settings.sequence, settings.context) + 1
