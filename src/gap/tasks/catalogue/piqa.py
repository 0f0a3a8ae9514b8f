"""PIQA (Bisk et al. 2020): physical common sense."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import LABEL, TEXT, Choices, HubFiles, Row, Task
from gap.tasks.wording import label_index, spaced


@TASKS.register(
    Task(
        name="piqa",
        label="PIQA",
        chance=1 / 2,
        fields={"goal": TEXT, "sol1": TEXT, "sol2": TEXT, "label": LABEL},
        hub=HubFiles("baber/piqa", "142f6d7367fd9877f0fb3b5734ea6a545f54cdd1", "piqa_{split}.parquet"),
    )
)
def piqa(row: Row) -> Choices:
    """Goal, then one of two solutions."""
    return row["goal"], spaced(row["sol1"], row["sol2"]), label_index(row["label"])
