"""Could the accuracies come from the stated number of items?  A GRIM test (Brown and Heathers 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np

from gap.figures.labels import POINTS
from gap.figures.table import Column, Table
from gap.published.names import FILES, GROUPS
from gap.published.read import Published
from gap.published.rows import tasks_of
from gap.published.section import Sampling, Section
from gap.published.wording import each, listed

#: Largest relative error of a number rounded to the nearest float32 (half a unit in the last of its 24 binary digits).
ROUNDING = 2.0**-24
#: Other counts of items that are tried.
MOST = 1000
#: Rows listed at most where a value does not fit.
LISTED = 10


def section(data: Published, sampling: Sampling) -> Section:
    """Per task: items n, distinct values, rows that are no multiple of 1/n, counts up to ``MOST`` that fit; float32 values per group."""
    frame = data.rows["classification"]
    sizes = {name: task.items for name, task in GROUPS["classification"].items()}
    tasks = {task: _task(frame[task].to_numpy(), items) for task, items in sizes.items()}
    misfits = [(row, task) for task, items in sizes.items() for row in np.flatnonzero(~fits(frame[task].to_numpy(), items))]
    numbers = {
        "values": len(frame) * len(tasks),
        "misfits": len(misfits),
        "misfit_rows": [_row(frame.iloc[row], task) for row, task in sorted(misfits)[:LISTED]],
        "chance": 2 * ROUNDING * max(sizes.values()),
        "float32": {group: _singles(rows[tasks_of(group)].to_numpy()) for group, rows in data.rows.items()},
        "tasks": tasks,
    }
    return Section("granularity", "Accuracies are whole numbers of items", _sentences(numbers), numbers, (_table(tasks),))


def fits(values: np.ndarray, items: int) -> np.ndarray:
    """Which ``values`` [n] (fractions) are k / ``items`` for a whole k, up to one rounding to float32."""
    nearest = np.round(values * items) / items
    return np.abs(values - nearest) <= nearest * ROUNDING


def _task(values: np.ndarray, items: int) -> dict[str, Any]:
    distinct = np.unique(values)
    others = [count for count in range(1, MOST + 1) if fits(distinct, count).all()]
    return {
        "items": items,
        "distinct": len(distinct),
        "misfits": int((~fits(values, items)).sum()),
        "largest_error": float(np.abs(values - np.round(values * items) / items).max()),
        "counts_that_fit": others,
        "smallest_that_fits": others[0] if others else None,
    }


def _row(row: Any, task: str) -> dict[str, Any]:
    return {"model": row["model"], "corpus": row["corpus"], "index": int(row["index"]), "task": task, "value": float(row[task])}


def _singles(values: np.ndarray) -> dict[str, int]:
    """How many scores are exactly float32 numbers."""
    return {"values": int(values.size), "float32": int((values == values.astype(np.float32)).sum())}


def _sentences(numbers: dict[str, Any]) -> tuple[str, ...]:
    tasks = numbers["tasks"]
    others = [task for task, row in tasks.items() if row["smallest_that_fits"] != row["items"]]
    stated = f"The stated n is the smallest that fits in {len(tasks) - len(others)} of {len(tasks)} tasks"
    if numbers["misfits"]:
        rows = [
            f"{row['model']}, {row['corpus']}, text {row['index']} ({row['task']} {row['value']:.6f})" for row in numbers["misfit_rows"]
        ]
        verdict = f"{numbers['misfits']} do not fit; the first: {'; '.join(rows)}."
    else:
        verdict = "all fit."
    result = (
        f"{FILES['classification']} holds {numbers['values']:,} accuracies. Each must be a whole number of items over its task's n (a GRIM "
        f"test), up to a rounding to float32, a relative error of at most 2^{np.log2(ROUNDING):.0f}".replace("^-", "^\N{MINUS SIGN}")
        + f": {verdict} An arbitrary number would fit by chance with a probability of at most {numbers['chance']:.0e}.".replace("e-0", "e-")
    )
    multiples = all(count % row["items"] == 0 for row in tasks.values() for count in row["counts_that_fit"])
    exact = each(numbers["float32"], lambda row: f"{row['float32']} of {row['values']}")
    return (
        result,
        f"{stated}; other counts up to {MOST} that fit are its multiples."
        if multiples and not others
        else f"{stated}{f', not in {listed(others)}' if others else ''} (see the table).",
        f"Scores that are exactly float32 numbers: {exact}. No such test exists for F1.",
    )


def _table(tasks: dict[str, Any]) -> Table:
    columns = (
        *(Column("task", "Task", "text"), Column("items", "n", "count"), Column("step", "one item")),
        *(Column("distinct", "distinct values", "count"), Column("misfits", "not k/n", "count")),
        Column("counts", f"counts up to {MOST} that fit", "text"),
    )
    rows = tuple(
        (task, row["items"], POINTS / row["items"], row["distinct"], row["misfits"], ", ".join(map(str, row["counts_that_fit"])))
        for task, row in tasks.items()
    )
    caption = "Accuracies of all rows against the number of items n of each task; one item in points; not k/n: values that no whole number of items gives."
    return Table("published_granularity", "Accuracies against the number of items", caption, columns, rows)
