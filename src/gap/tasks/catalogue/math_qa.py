"""MathQA (Amini et al. 2019): word problems with five answers."""

from __future__ import annotations

import re

from gap.tasks.registry import TASKS
from gap.tasks.task import TEXT, Choices, HubFiles, Row, Task
from gap.tasks.wording import position

#: One option of an `options` string: a to d end at the next ", ", e at the end of the string.  The first hit counts, so that an
#: option of the form "1 , 000" is cut at its comma, as it is in the authors' results.
_OPTION = re.compile(r"[abcd] \) .*?, |e \) .*?$")
_LETTER = len("a ) ")


def math_options(options: str) -> tuple[str, ...]:
    """The texts of ``"a ) 38 , b ) 27 , ... e ) 30"`` without their letters, right-stripped of spaces and commas."""
    return tuple(hit[_LETTER:].rstrip(" ,") for hit in _OPTION.findall(options))


@TASKS.register(
    Task(
        name="math_qa",
        label="MathQA",
        chance=1 / 5,
        fields={"Problem": TEXT, "options": TEXT, "correct": TEXT},
        splits=("validation", "test"),
        columns=("Problem", "Rationale", "options", "correct", "annotated_formula", "linear_formula", "category"),
        hub=HubFiles("allenai/math_qa", "fafb9f7ee5b9ec4da9499f9c4177a4c91389f2d6", "default/{split}/0000.parquet"),
    )
)
def math_qa(row: Row) -> Choices:
    """A problem, then one of five answers without a leading space."""
    return row["Problem"], math_options(row["options"]), position(row["correct"], tuple("abcde"))
