"""WinoGrande (Sakaguchi et al. 2020): which of two names fills a gap."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import LABEL, TEXT, Choices, HubFiles, Row, Task
from gap.tasks.wording import label_index, spaced


@TASKS.register(
    Task(
        name="winogrande",
        label="WinoGrande",
        chance=1 / 2,
        fields={"sentence": TEXT, "option1": TEXT, "option2": TEXT, "answer": LABEL},
        # every size of WinoGrande (the authors name winogrande_s) has the same validation file
        hub=HubFiles("allenai/winogrande", "01e74176c63542e6b0bcb004dcdea22d94fb67b5", "winogrande_xl/{split}-00000-of-00001.parquet"),
    )
)
def winogrande(row: Row) -> Choices:
    """The sentence up to the gap, then one of two names with the rest of the sentence."""
    parts = row["sentence"].split("_")
    if len(parts) != 2:
        raise ValueError(f"field 'sentence': {len(parts) - 1} gaps (_) where one is expected")
    before, rest = parts
    options = (row["option1"] + rest, row["option2"] + rest)
    return before.rstrip(), spaced(*options), label_index(row["answer"]) - 1
