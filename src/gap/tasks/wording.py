"""What the wordings of several sets share (paper, appendix; the authors' data loader), and the sets of one make: ARC's, the dialogues'.

A continuation carries its own leading space.  The gold index is -1 where the row's answer is not one of the choices.
"""

from __future__ import annotations

from collections.abc import Sequence

from gap.tasks.dialogue import normalise_turn, prompt
from gap.tasks.task import CHOICES, LABEL, SPLITS, TEXT, TEXTS, Choices, Exchange, HubFiles, Row, Task

ARC_CHOICES = 4


def position(value: object, allowed: Sequence[object]) -> int:
    """Index of ``value`` in ``allowed``; -1 where it is not there."""
    return allowed.index(value) if value in allowed else -1


def label_index(value: object) -> int:
    """A label as a number: labels are integers on some hubs and strings on others; -1 where it is neither."""
    text = str(value)
    return int(text) if text.isdecimal() else -1


def spaced(*choices: str) -> tuple[str, ...]:
    """Continuations that follow the context after one space."""
    return tuple(f" {choice}" for choice in choices)


def arc_set(name: str, label: str) -> Task:
    """One of ARC's sets; the label is its name on the hub."""
    return Task(
        name=name,
        label=label,
        chance=1 / ARC_CHOICES,
        fields={"question": TEXT, "choices": CHOICES, "answerKey": LABEL},
        splits=SPLITS,
        columns=("id", "question", "choices", "answerKey"),
        folder=f"ai2_arc/{label}",
        hub=HubFiles("allenai/ai2_arc", "210d026faf9955653af8916fad021475a3f00453", f"{label}/{{split}}-00000-of-00001.parquet"),
    )


def arc(row: Row) -> Choices | None:
    """A question of ARC, then one of four choices, labelled A to D or 1 to 4; rows with another number of choices are dropped."""
    texts, labels = list(row["choices"]["text"]), list(row["choices"]["label"])
    if len(texts) != ARC_CHOICES:
        return None
    return row["question"], spaced(*texts), position(row["answerKey"], labels)


def authors_dialogues(name: str, label: str) -> Task:
    """Conversations from the authors' repository."""
    return Task(
        name=name,
        label=label,
        output_type="generate_until",
        fields={"text": TEXTS},
        splits=SPLITS,
        columns=("index", "text"),
        folder=f"dialogue/{name}",
        upstream=tuple((split, f"data/{split}_data/{name}.json") for split in SPLITS),
    )


def last_turn(row: Row) -> Exchange | None:
    """The last turn of a conversation, which answers those before it; a conversation of one turn is dropped."""
    turns = row["text"]
    return (prompt(turns[:-1]), normalise_turn(turns[-1])) if len(turns) > 1 else None
