"""Wizard of Internet (Komeili et al. 2022): the authors' conversations."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import Exchange, Row
from gap.tasks.wording import authors_dialogues, last_turn


@TASKS.register(authors_dialogues("wizard_of_internet", "Wizard of Internet"))
def wizard_of_internet(row: Row) -> Exchange | None:
    """The last turn answers those before it."""
    return last_turn(row)
