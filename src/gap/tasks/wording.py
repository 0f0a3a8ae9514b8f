"""What the wordings of several multiple-choice sets share (paper, appendix; the authors' data loader).

A continuation carries its own leading space.  The gold index is -1 where the row's answer is not one of the choices.
"""

from __future__ import annotations

from collections.abc import Sequence


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
