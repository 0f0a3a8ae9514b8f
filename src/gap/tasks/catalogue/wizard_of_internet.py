"""Wizard of Internet (Komeili et al. 2022): the authors' conversations."""

from __future__ import annotations

from gap.tasks.dialogue import exchange
from gap.tasks.registry import TASKS
from gap.tasks.task import TURNS, Exchange, Row, Task


@TASKS.register(
    Task(
        name="wizard_of_internet",
        label="Wizard of Internet",
        output_type="generate_until",
        fields={"text": TURNS},
        splits=("validation", "test"),
        columns=("index", "text"),
        folder="dialogue/wizard_of_internet",
        upstream=(
            ("validation", "data/validation_data/wizard_of_internet.json"),
            ("test", "data/test_data/wizard_of_internet.json"),
        ),
    )
)
def wizard_of_internet(row: Row) -> Exchange | None:
    """The last turn answers those before it."""
    return exchange(row["text"])
