"""Empathetic Dialogues (Rashkin et al. 2019): the authors' conversations."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import Exchange, Row
from gap.tasks.wording import authors_dialogues, last_turn


@TASKS.register(authors_dialogues("empathetic_dialogues", "Empathetic Dialogues"))
def empathetic_dialogues(row: Row) -> Exchange | None:
    """The last turn answers those before it."""
    return last_turn(row)
