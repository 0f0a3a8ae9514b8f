"""Blended Skill Talk (Smith et al. 2020): the authors' conversations."""

from __future__ import annotations

from gap.tasks.dialogue import exchange
from gap.tasks.registry import TASKS
from gap.tasks.task import TURNS, Exchange, Row, Task


@TASKS.register(
    Task(
        name="blended_skill_talk",
        label="Blended Skill Talk",
        output_type="generate_until",
        fields={"text": TURNS},
        splits=("validation", "test"),
        columns=("index", "text"),
        folder="dialogue/blended_skill_talk",
        upstream=(
            ("validation", "data/validation_data/blended_skill_talk.json"),
            ("test", "data/test_data/blended_skill_talk.json"),
        ),
    )
)
def blended_skill_talk(row: Row) -> Exchange | None:
    """The last turn answers those before it."""
    return exchange(row["text"])
