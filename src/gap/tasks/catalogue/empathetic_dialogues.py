"""Empathetic Dialogues (Rashkin et al. 2019): the authors' conversations."""

from __future__ import annotations

from gap.tasks.dialogue import exchange
from gap.tasks.registry import TASKS
from gap.tasks.task import TURNS, Exchange, Row, Task


@TASKS.register(
    Task(
        name="empathetic_dialogues",
        label="Empathetic Dialogues",
        output_type="generate_until",
        fields={"text": TURNS},
        splits=("validation", "test"),
        columns=("index", "text"),
        folder="dialogue/empathetic_dialogues",
        upstream=(
            ("validation", "data/validation_data/empathetic_dialogues.json"),
            ("test", "data/test_data/empathetic_dialogues.json"),
        ),
    )
)
def empathetic_dialogues(row: Row) -> Exchange | None:
    """The last turn answers those before it."""
    return exchange(row["text"])
