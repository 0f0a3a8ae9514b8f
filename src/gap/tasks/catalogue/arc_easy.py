"""ARC-Easy (Clark et al. 2018): the easy questions of the AI2 Reasoning Challenge."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import DICT, LABEL, TEXT, Choices, HubFiles, Row, Task
from gap.tasks.wording import arc


@TASKS.register(
    Task(
        name="arc_easy",
        label="ARC-Easy",
        chance=1 / 4,
        fields={"question": TEXT, "choices": DICT, "answerKey": LABEL},
        splits=("validation", "test"),
        columns=("id", "question", "choices", "answerKey"),
        folder="ai2_arc/ARC-Easy",
        hub=HubFiles("allenai/ai2_arc", "210d026faf9955653af8916fad021475a3f00453", "ARC-Easy/{split}-00000-of-00001.parquet"),
    )
)
def arc_easy(row: Row) -> Choices | None:
    """A question, then one of four choices."""
    return arc(row)
