"""How a row of a multiple-choice set becomes a context and its continuations (paper, appendix; the authors' data loader).

Pure functions of a row in the hub's columns.  A continuation carries its own leading space; MathQA's has none.  The gold
index is -1 where the row's answer is not one of the choices.  A row that the protocol drops gives None; a row that
cannot be worded raises ``ValueError`` with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]
#: context, continuations, index of the right one
Wording = tuple[str, tuple[str, ...], int]

#: One option of a MathQA `options` string: a to d end at the next ", ", e at the end of the string.  The first hit counts,
#: so that an option of the form "1 , 000" is cut at its comma, as it is in the authors' results.
_MATH_OPTION = re.compile(r"[abcd] \) .*?, |e \) .*?$")
_MATH_LETTER = len("a ) ")
_PUBMED_ANSWERS = ("yes", "maybe", "no")
_ARC_CHOICES = 4


def position(value: object, allowed: Sequence[object]) -> int:
    """Index of ``value`` in ``allowed``; -1 where it is not there."""
    return allowed.index(value) if value in allowed else -1


def whole(value: object) -> int:
    """A label as a number: labels are integers on some hubs and strings on others; -1 where it is neither."""
    text = str(value)
    return int(text) if text.isdecimal() else -1


def spaced(*choices: str) -> tuple[str, ...]:
    """Continuations that follow the context after one space."""
    return tuple(f" {choice}" for choice in choices)


def piqa(row: Row) -> Wording:
    """Goal, then one of two solutions."""
    return row["goal"], spaced(row["sol1"], row["sol2"]), whole(row["label"])


def hellaswag(row: Row) -> Wording:
    """The beginning of a description, then one of four endings."""
    return row["ctx"], spaced(*row["endings"]), whole(row["label"])


def arc(row: Row) -> Wording | None:
    """A question, then one of four choices, labelled A to D or 1 to 4; rows with another number of choices are dropped."""
    texts, labels = list(row["choices"]["text"]), list(row["choices"]["label"])
    if len(texts) != _ARC_CHOICES:
        return None
    return row["question"], spaced(*texts), position(row["answerKey"], labels)


def copa(row: Row) -> Wording:
    """A premise, then one of two sentences; no word tells whether a cause or an effect is asked for."""
    return row["premise"], spaced(row["choice1"], row["choice2"]), whole(row["label"])


def winogrande(row: Row) -> Wording:
    """The sentence up to the gap, then one of two names with the rest of the sentence."""
    parts = row["sentence"].split("_")
    if len(parts) != 2:
        raise ValueError(f"field 'sentence': {len(parts) - 1} gaps (_) where one is expected")
    before, rest = parts
    options = (row["option1"] + rest, row["option2"] + rest)
    return before.rstrip(), spaced(*options), whole(row["answer"]) - 1


def math_options(options: str) -> tuple[str, ...]:
    """The texts of ``"a ) 38 , b ) 27 , ... e ) 30"`` without their letters, right-stripped of spaces and commas."""
    return tuple(hit[_MATH_LETTER:].rstrip(" ,") for hit in _MATH_OPTION.findall(options))


def math_qa(row: Row) -> Wording:
    """A problem, then one of five answers without a leading space."""
    return row["Problem"], math_options(row["options"]), position(row["correct"], tuple("abcde"))


def pubmed_qa(row: Row) -> Wording:
    """An abstract and a question, then yes, maybe or no, in the authors' order."""
    context = f"Context: {row['abstract']}\nQuestion: {row['question']}\nAnswer:"
    return context, spaced(*_PUBMED_ANSWERS), position(row["final_decision"], _PUBMED_ANSWERS)


FORMATS: dict[str, Callable[[Row], Wording | None]] = {
    "piqa": piqa,
    "hellaswag": hellaswag,
    "arc_easy": arc,
    "arc_challenge": arc,
    "copa": copa,
    "winogrande": winogrande,
    "math_qa": math_qa,
    "pubmed_qa": pubmed_qa,
}
