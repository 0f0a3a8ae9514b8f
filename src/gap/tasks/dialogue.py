"""Dialogue: how turns become a prompt and a reference, where an answer ends, and its unigram F1.

Turns are brought to one shape by the rules of the authors' loader (ParlAI's ``normalize_reply``, version 2), F1 by those
of their model file (the SQuAD normalisation without its edge cases).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

#: What opens the next speaker's turn; a greedy answer ends before it.
STOP = "\nUser "
_MARKS = ".,?!"
_ENDS = "!.?)\"'"
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _capital(word: str) -> str:
    """First letter in upper case, the rest as it is (``str.capitalize`` would lower it)."""
    return word[:1].upper() + word[1:]


def _parted(text: str) -> str:
    """Lower case, with a space before each punctuation mark and around each apostrophe."""
    text = text.lower()
    for mark in _MARKS:
        text = text.replace(mark, f" {mark}").replace("  ", " ")
    return text.replace("'", " ' ").replace("  ", " ")


def _cased(words: list[str]) -> list[str]:
    """Capitals for the first word, for "i", and for a word after a mark or after an empty word (a doubled space)."""
    cased = list(words)
    for index, word in enumerate(words):
        if index == 0 or word == "i":
            cased[index] = _capital(cased[index])
        elif word in ("", ".", "?", "!") and index + 1 < len(words):
            cased[index + 1] = _capital(words[index + 1])
    return cased


def normalise_turn(turn: str) -> str:
    """One turn in the authors' shape: sentence case, no spaces before punctuation, a mark at the end."""
    text = f" {' '.join(_cased(_parted(turn).split(' ')))} "
    for mark in _MARKS:
        text = text.replace(f" {mark}", mark)
    text = text.replace(" ' ", "'").strip().replace("  ", " ")
    return text + "." if text and text[-1] not in _ENDS else text


def prompt(turns: Sequence[str]) -> str:
    """``User 1: ...`` and ``User 2: ...`` in turn, one line each, then the next speaker's name, whose answer is asked for."""
    lines = [f"User {1 + index % 2}: {normalise_turn(turn)}\n" for index, turn in enumerate(turns)]
    return "".join(lines) + f"User {1 + len(turns) % 2}:"


def cut(response: str, stop: str = STOP) -> str:
    """The answer up to the text that ends it, in a dialogue the next speaker."""
    return response.split(stop, 1)[0]


def normalise_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, articles and extra white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def unigram_f1(response: str, reference: str) -> float:
    """Harmonic mean of the shares of common words in response and reference; 0 where none is common (both empty too)."""
    return words_f1(normalise_answer(response).split(), normalise_answer(reference).split())


def words_f1(answered: Sequence[str], expected: Sequence[str]) -> float:
    """The same of words that are normalised."""
    common = sum((Counter(answered) & Counter(expected)).values())
    if not common:
        return 0.0
    precision, recall = common / len(answered), common / len(expected)
    return 2 * precision * recall / (precision + recall)
