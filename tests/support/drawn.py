"""What a figure shows, read off its matplotlib artists, against the table that lies beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: Values of lines that mark a level and are no data: no change, a gap closed (100 %), and the empty start of a cumulative curve.
LEVELS = {0.0, 100.0}


@dataclass(frozen=True)
class Marks:
    """Numbers along one axis: of single dots, markers, cells and bars; of lines and bands in data coordinates; of all artists."""

    single: set[float]
    lines: set[float]
    everything: set[float]


def marks(figure: Any, axis: int) -> Marks:
    """The numbers that the artists of a figure hold along an axis (0: across, 1: up)."""
    single: list[float] = []
    lines: list[float] = []
    others: list[float] = []
    for axes in figure.axes:
        for line in axes.lines:
            values = [float(value) for value in np.asarray(line.get_data()[axis], dtype=float)]
            in_data = line.get_transform().contains_branch_seperately(axes.transData)[axis]
            lines += values if in_data else []
            single += values if line.get_marker() not in ("", "None", None) else []
        for part in axes.collections:
            kind = type(part).__name__
            if kind == "PathCollection":
                single += [float(value) for value in np.asarray(part.get_offsets(), dtype=float)[:, axis]]
            else:
                values = [float(value) for path in part.get_paths() for value in path.vertices[:, axis]]
                (lines if kind == "FillBetweenPolyCollection" else others).extend(values)
        for patch in axes.patches:
            low, size = (patch.get_x(), patch.get_width()) if axis == 0 else (patch.get_y(), patch.get_height())
            others += [low, low + size]
        for bars in axes.containers:
            single += [float(bar.get_height()) for bar in bars] if axis == 1 else []
        for image in axes.images:
            single += [float(value) for value in np.asarray(image.get_array(), dtype=float).ravel()]
    found = (single, lines, [*single, *lines, *others])
    return Marks(*({round(value, 5) for value in values if np.isfinite(value)} for values in found))


def check(seen: Marks, table: Path, columns: list[str]) -> None:
    """Every number in ``columns`` of the CSV is drawn; and every mark, line and band that is drawn stands in them, but for ``LEVELS``."""
    rows = pd.read_csv(table)
    numbers = {round(float(value), 5) for value in rows[columns].to_numpy(float).ravel() if np.isfinite(value)}
    assert len(rows) > 1 and len(seen.everything) > 1
    assert not apart(numbers, seen.everything), "in the table and not drawn"
    assert not apart(seen.single | seen.lines, numbers | LEVELS), "drawn and not in the table"


def apart(values: set[float], known: set[float]) -> set[float]:
    """Those that no known number is near."""
    table = np.array(sorted(known))
    return {value for value in values if not len(table) or np.abs(table - value).min() > 2e-5}
