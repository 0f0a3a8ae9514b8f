"""Panels by group of tasks, and runs as dots by corpus: what the drawings of a study share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.style import colour, drawing, handle, jitter, marker

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from gap.aggregate.study_index import StudyIndex

#: More dots than this in a cloud are drawn smaller.
MANY = 20


@contextmanager
def group_panels(
    study: StudyIndex, columns: Mapping[str, str], size: tuple[float, float], quantity: str
) -> Iterator[tuple[Figure, dict[tuple[str, str], Axes]]]:
    """A figure of ``size`` inches with a row of panels per task group and a column per entry of ``columns`` (name -> title).

    Yields the figure and its panels by group and column.  Each has a line at zero and a grid; ``quantity`` words the y-axis.
    """
    with drawing(study, *size, len(study.groups), len(columns), sharex=True, sharey="row") as (figure, grid):
        for title, axes in zip(columns.values(), grid[0], strict=True):
            axes.set_title(title)
        panels = {}
        for group, row in zip(study.groups, grid, strict=True):
            row[0].set_ylabel(f"{AXIS_LABEL[group]},\n{quantity} in points")
            for column, axes in zip(columns, row, strict=True):
                axes.axhline(0, color="black", linestyle="--", linewidth=0.8)
                axes.grid(axis="y")
                panels[group, column] = axes
        yield figure, panels


def corpus_handles(study: StudyIndex, line: str = "") -> list[Line2D]:
    """Entries of a legend for the corpora: their markers, on a ``line`` where one is given."""
    return [handle(label, index, line) for index, label in enumerate(study.corpora.values())]


def centres(position: float, width: float, count: int) -> list[float]:
    """Middles of ``count`` equal parts of a column of ``width`` around ``position``."""
    return [position - width / 2 + width / count * (index + 0.5) for index in range(count)]


def scatter(axes: Axes, centre: float, width: float, values: np.ndarray, index: int, **look: Any) -> None:
    """Dots at ``values`` [n], jittered over ``width`` around ``centre``, in the marker and colour of corpus number ``index``."""
    positions = [centre + offset for offset in jitter(len(values), width)]
    axes.scatter(positions, values, marker=marker(index), color=colour(index), linewidths=0, zorder=2, **look)


def corpus_dots(
    axes: Axes, position: float, samples: Sequence[np.ndarray], *, width: float, spread: float, size: float, alpha: float
) -> list[float]:
    """Dots at the values of each corpus, [n], side by side in a column of ``width`` around ``position``.

    A corpus's dots take the share ``spread`` of its part of the column; ``size`` is theirs in points squared.  Returns the
    middles of the parts.
    """
    middles = centres(position, width, len(samples))
    for index, (middle, values) in enumerate(zip(middles, samples, strict=True)):
        area = size if len(values) <= MANY else size - 7
        scatter(axes, middle, width / len(samples) * spread, values, index, s=area, alpha=alpha)
    axes.set_axisbelow(True)
    return middles


def mean_mark(axes: Axes, x: float, half_width: float, row: Mapping[str, float], linewidth: float = 1.2) -> None:
    """A black bar at the ``mean_gain`` of a row of estimates (fractions, drawn in points) and a line from its ``low`` to its ``high``."""
    mean, low, high = (float(row[key]) * POINTS for key in ("mean_gain", "low", "high"))
    axes.plot([x - half_width, x + half_width], [mean, mean], color="black", linewidth=linewidth, zorder=4)
    if low == low:  # NaN for a single run
        axes.plot([x, x], [low, high], color="black", linewidth=1.2, zorder=4)
