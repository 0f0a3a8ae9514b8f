"""COPA (Roemmele et al. 2011): cause or effect of a premise."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import LABEL, TEXT, Choices, HubFiles, Row, Task
from gap.tasks.wording import label_index, spaced


@TASKS.register(
    Task(
        name="copa",
        label="COPA",
        chance=1 / 2,
        fields={"premise": TEXT, "choice1": TEXT, "choice2": TEXT, "label": LABEL},
        columns=("premise", "choice1", "choice2", "question", "idx", "label"),
        folder="super_glue/copa",
        hub=HubFiles("aps/super_glue", "3de24cf8022e94f4ee4b9d55a6f539891524d646", "copa/{split}-00000-of-00001.parquet"),
    )
)
def copa(row: Row) -> Choices:
    """A premise, then one of two sentences; no word tells whether a cause or an effect is asked for."""
    return row["premise"], spaced(row["choice1"], row["choice2"]), label_index(row["label"])
