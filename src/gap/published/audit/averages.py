"""The files' own averages against the average recomputed from the tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gap.figures.labels import GROUP_LABEL, POINTS
from gap.published.names import FILES, GROUPS
from gap.published.read import Published
from gap.published.rows import items_of, tasks_of
from gap.published.section import Sampling, Section

#: Spacing of float64 numbers at 1: a sum of m scores below 1 and its division by m are off by at most m such spacings.
SPACING = 2.0**-52


def section(data: Published, sampling: Sampling) -> Section:
    """Per group: largest difference to the tasks' unweighted and item-weighted means (fractions), rows beyond float64 rounding."""
    numbers = {group: _group(data.rows[group], group) for group in GROUPS}
    sentences = tuple(_sentence(group, numbers[group]) for group in GROUPS)
    return Section("averages", "The averages of the files", sentences, numbers)


def _group(frame: pd.DataFrame, group: str) -> dict[str, Any]:
    tasks, items = tasks_of(group), items_of(group)
    file_average, scores = frame["average"].to_numpy(), frame[tasks].to_numpy()
    difference = np.abs(file_average - frame["mean"].to_numpy())
    weighted = np.abs(file_average - scores @ items / items.sum())
    rounding = len(tasks) * SPACING
    return {
        "rows": len(frame),
        "tasks": len(tasks),
        "largest_difference": float(difference.max()),
        "beyond_rounding": int((difference > rounding).sum()),
        "rounding": rounding,
        "weights_differ": bool(np.ptp(items) > 0),
        "largest_from_weighted": float(weighted.max()),
        "matches_weighted": int((weighted <= rounding).sum()),
        "float32": int((file_average == file_average.astype(np.float32)).sum()),
    }


def _sentence(group: str, numbers: dict[str, Any]) -> str:
    text = (
        f"{GROUP_LABEL[group]}: the average column of {FILES[group]} differs from the unweighted mean of the {numbers['tasks']} tasks by at most "
        f"{numbers['largest_difference'] * POINTS:.1g} points; {numbers['beyond_rounding']} of {numbers['rows']} rows differ by more than float64 rounding."
    )
    if numbers["beyond_rounding"]:
        return f"{text} It is not the macro average in every row."
    if not numbers["weights_differ"]:
        return text
    return f"{text} A mean weighted by items would differ by up to {numbers['largest_from_weighted'] * POINTS:.2f} points."
