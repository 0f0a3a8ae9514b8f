"""HellaSwag (Zellers et al. 2019): how a description goes on."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import LABEL, TEXT, TEXTS, Choices, HubFiles, Row, Task
from gap.tasks.wording import label_index, spaced


@TASKS.register(
    Task(
        name="hellaswag",
        label="HellaSwag",
        chance=1 / 4,
        fields={"ctx": TEXT, "endings": TEXTS, "label": LABEL},
        columns=("ind", "activity_label", "ctx_a", "ctx_b", "ctx", "endings", "source_id", "split", "split_type", "label"),
        hub=HubFiles("Rowan/hellaswag", "218ec52e09a7e7462a5400043bb9a69a41d06b76", "data/{split}-00000-of-00001.parquet"),
    )
)
def hellaswag(row: Row) -> Choices:
    """The beginning of a description, then one of four endings."""
    return row["ctx"], spaced(*row["endings"]), label_index(row["label"])
