"""ARC-Challenge (Clark et al. 2018): the hard questions of the AI2 Reasoning Challenge."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import Choices, Row
from gap.tasks.wording import arc, arc_set


@TASKS.register(arc_set("arc_challenge", "ARC-Challenge"))
def arc_challenge(row: Row) -> Choices | None:
    """A question, then one of four choices."""
    return arc(row)
