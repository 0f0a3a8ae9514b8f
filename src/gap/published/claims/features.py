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


def features(text: str) -> dict[str, float]:
    """Features of a text, keyed as in ``FEATURES``; 0 for no text.

    Words are runs of letters, digits and underscores; the type-token ratio is distinct lower-cased words over words; symbols are
    characters that are neither letters, digits nor white space.
    """
    lower_case = WORD.findall(text.lower())
    symbols = sum(not letter.isalnum() and not letter.isspace() for letter in text)
    return {
        "characters": float(len(text)),
        "words": float(len(WORD.findall(text))),
        "compressed": compressed(text),
        "vocabulary": len(set(lower_case)) / len(lower_case) if lower_case else 0.0,
        "symbols": symbols / len(text) if text else 0.0,
    }
