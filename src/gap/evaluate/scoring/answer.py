"""The result of a dialogue item."""

from __future__ import annotations

from dataclasses import dataclass

from gap.tasks.dialogue import cut, unigram_f1
from gap.tasks.items import Dialogue


@dataclass(frozen=True)
class Answer:
    """One item's result: the greedy response, its F1, the summed NLL (nats) of the reference and its tokens."""

    response: str
    f1: float
    nll: float
    tokens: int


def judge(text: str, item: Dialogue, nll: float, tokens: int) -> Answer:
    """The answer for a decoded ``text``, cut at the item's stop text, and its F1 against the reference."""
    response = cut(text, item.stop)
    return Answer(response, unigram_f1(response, item.reference), nll, tokens)
