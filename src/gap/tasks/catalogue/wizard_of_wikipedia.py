"""Wizard of Wikipedia (Dinan et al. 2019): the authors' conversations."""

from __future__ import annotations

from gap.tasks.dialogue import exchange
from gap.tasks.registry import TASKS
from gap.tasks.task import TURNS, Exchange, Row, Task


@TASKS.register(
    Task(
        name="wizard_of_wikipedia",
        label="Wizard of Wikipedia",
        output_type="generate_until",
        fields={"text": TURNS},
        splits=("validation", "test"),
        columns=("index", "text"),
        folder="dialogue/wizard_of_wikipedia",
        upstream=(
            ("validation", "data/validation_data/wizard_of_wikipedia.json"),
            ("test", "data/test_data/wizard_of_wikipedia.json"),
        ),
    )
)
def wizard_of_wikipedia(row: Row) -> Exchange | None:
    """The last turn answers those before it."""
    return exchange(row["text"])
