"""Metrics of stored item scores: how sure and how right choices are, how answers are worded, and F1 at equal length."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from gap.tasks.dialogue import normalise_answer, words_f1

#: Bins of confidence, equally wide (Guo et al. 2017).
BINS = 15


def padded(log_probabilities: Sequence[Sequence[float]]) -> np.ndarray:
    """Rows of log-probabilities (nats) as one array, float64 [rows, most choices]; -inf where a row has fewer."""
    counts = np.array([len(row) for row in log_probabilities])
    filled = np.full((len(counts), counts.max()), -np.inf)
    filled[np.arange(counts.max()) < counts[:, None]] = np.concatenate([np.asarray(row, dtype=float) for row in log_probabilities])
    return filled


def softmax(sums: np.ndarray) -> np.ndarray:
    """Probability of each choice, [rows, choices]: softmax over the choices of ``sums`` (nats), not divided by lengths."""
    weights = np.exp(sums - sums.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def brier_score(probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Squared distance to the right answer over all choices, 0 to 2, [rows] (Brier 1950; ``brier_score`` of lm-eval is its mean)."""
    right = np.zeros_like(probabilities)
    right[np.arange(len(gold)), gold] = 1
    return ((probabilities - right) ** 2).sum(axis=1)


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Expected calibration error: |accuracy - mean confidence| of each of ``BINS`` bins, weighted by its items (Guo et al. 2017).

    ``confidence`` [items] is the largest probability, ``correct`` bool [items].  Bins are open below and closed above.
    It is above 0 for a calibrated model too, the more so the fewer items there are.
    """
    bins = np.ceil(confidence * BINS).clip(1, BINS).astype(int)
    gaps = np.bincount(bins, correct - confidence, minlength=BINS + 1)
    return float(np.abs(gaps).sum() / len(confidence))


def distinct(answers: Sequence[str], n: int) -> float:
    """Distinct-n: different n-grams over all n-grams of all answers (Li et al. 2016), lower case, words between spaces; NaN without any.

    More words mean more repetition: it falls as answers grow longer.
    """
    words = [answer.lower().split() for answer in answers]
    grams = [tuple(said[start : start + n]) for said in words for start in range(len(said) - n + 1)]
    return len(set(grams)) / len(grams) if grams else float("nan")


def f1_at_equal_length(answer: str, before: str, reference: str) -> tuple[float, float]:
    """Unigram F1 of ``answer`` and of ``before``, the longer one cut to as many words as the shorter has.

    Words are those that F1 counts: in lower case, without punctuation and articles.  So both have the same denominator, and F1 differs
    only where their first words are more or less often right.  Beside an empty answer both are 0.
    """
    said, said_before, expected = _words(answer), _words(before), _words(reference)
    count = min(len(said), len(said_before))
    return words_f1(said[:count], expected), words_f1(said_before[:count], expected)


@lru_cache(maxsize=1 << 16)
def _words(text: str) -> list[str]:
    """Many checkpoints answer alike, and all are held against the same answers."""
    return normalise_answer(text).split()
