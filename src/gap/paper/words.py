"""Numbers written as words: how they are spelled, and where a text holds one."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: From zero on.
WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
    "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
LARGER = ("thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million", "dozen", "twice", "thrice")
#: "One" and "zero" are words of all work; of what was counted they stand as "one of", "only one".  A word that a hyphen joins is a term: two-sided.
COUNTING = re.compile(rf"(?<![\w-])(?:{'|'.join((*WORDS[2:], *LARGER))}|(?:only|just) one|one of|half of)(?![\w-])", re.IGNORECASE)


def counting_words(text: str) -> Iterator[re.Match[str]]:
    """The words in a text that state a number."""
    yield from COUNTING.finditer(text)
