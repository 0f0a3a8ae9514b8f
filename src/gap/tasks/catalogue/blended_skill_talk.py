"""Blended Skill Talk (Smith et al. 2020): the authors' conversations."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import Exchange, Row
from gap.tasks.wording import authors_dialogues, last_turn


@TASKS.register(authors_dialogues("blended_skill_talk", "Blended Skill Talk"))
def blended_skill_talk(row: Row) -> Exchange | None:
    """The last turn answers those before it."""
    return last_turn(row)
