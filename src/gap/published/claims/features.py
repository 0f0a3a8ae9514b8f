"""What can be read off a text without a model: size, repetitiveness, vocabulary, symbols."""

from __future__ import annotations

import re

from gap.describe.surface import compressed

WORD = re.compile(r"\w+")
#: Feature -> how a figure names it.
FEATURES = {
    "characters": "characters",
    "words": "words",
    "compressed": "compressed size",
    "vocabulary": "type-token ratio",
    "symbols": "share of symbols",
}


def characters(text: str) -> float:
    """Number of characters."""
    return float(len(text))


def words(text: str) -> float:
    r"""Number of words: runs of letters, digits and underscores (``\w+``)."""
    return float(len(WORD.findall(text)))


def vocabulary(text: str) -> float:
    """Type-token ratio: distinct lower-cased words over words; 0 without words."""
    tokens = WORD.findall(text.lower())
    return len(set(tokens)) / len(tokens) if tokens else 0.0


def symbols(text: str) -> float:
    """Share of characters that are neither letters, digits nor white space; 0 for no text."""
    return sum(not letter.isalnum() and not letter.isspace() for letter in text) / len(text) if text else 0.0


def features(text: str) -> dict[str, float]:
    """All of them, keyed as in ``FEATURES``."""
    return {
        "characters": characters(text),
        "words": words(text),
        "compressed": compressed(text),
        "vocabulary": vocabulary(text),
        "symbols": symbols(text),
    }
