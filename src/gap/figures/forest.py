"""Values with their intervals, a row per quantity and a mark per series: a forest plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Vertical distance between the marks of one row.
STEP = 0.19


@dataclass(frozen=True)
class Mark:
    """A value, the ends of its interval (NaN: none is drawn), and whether its marker is filled."""

    value: float
    low: float
    high: float
    filled: bool


@dataclass(frozen=True)
class Series:
    """One mark per row, where it has one, in one colour and shape."""

    colour: str
    marker: str
    marks: Mapping[str, Mark]


def panel(axes: Axes, rows: Sequence[str], series: Sequence[Series]) -> None:
    """Draw the marks around zero, the first row on top; the caller names the rows."""
    axes.axvline(0, color="black", linestyle="--", linewidth=0.8)
    for row in range(1, len(rows)):
        axes.axhline(row - 0.5, color="#DDDDDD", linewidth=0.5)
    for order, line in enumerate(series):
        for row, name in enumerate(rows):
            mark = line.marks.get(name)
            if mark is None:
                continue
            height = row + STEP * (order - (len(series) - 1) / 2)
            axes.plot([mark.low, mark.high], [height, height], color=line.colour, linewidth=0.9, zorder=2)
            filled = line.colour if mark.filled else "white"
            axes.plot([mark.value], [height], marker=line.marker, markersize=3.5, color=line.colour, markerfacecolor=filled, zorder=3)
    axes.tick_params(axis="y", length=0)
