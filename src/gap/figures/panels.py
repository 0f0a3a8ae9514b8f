"""Panels by group of tasks, runs as dots by corpus, and heatmaps: what drawings share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gap.figures.labels import AXIS_LABEL
from gap.figures.style import colour, drawing, handle, jitter, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

    from gap.aggregate.study_index import StudyIndex

#: Up to ``FEW`` dots in a cloud are drawn larger, more than ``MANY`` smaller.
FEW, MANY = 8, 20


@contextmanager
def group_panels(
    study: StudyIndex, columns: Mapping[str, str], size: tuple[float, float], quantity: str, *, sharex: Literal["all", "col"] = "all"
) -> Iterator[tuple[Figure, dict[tuple[str, str], Axes]]]:
    """A figure of ``size`` inches with a row of panels per task group and a column per entry of ``columns`` (name -> title).

    Yields the figure and its panels by group and column.  Each has a line at zero and a grid; ``quantity`` words the y-axis.  All
    panels, or those of a column, share their x-axis.
    """
    with drawing(study, *size, len(study.groups), len(columns), sharex=sharex, sharey="row") as (figure, grid):
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

    A corpus's dots take the share ``spread`` of its part of the column; ``size`` is theirs in points squared, larger where they
    are up to ``FEW``, smaller beyond ``MANY``.  Returns the middles of the parts.
    """
    middles = centres(position, width, len(samples))
    for index, (middle, values) in enumerate(zip(middles, samples, strict=True)):
        area = 2 * size if len(values) <= FEW else size if len(values) <= MANY else size - 7
        scatter(axes, middle, width / len(samples) * spread, values, index, s=area, alpha=alpha)
    axes.set_axisbelow(True)
    return middles


def mean_mark(axes: Axes, x: float, half_width: float, ends: Iterable[float], linewidth: float = 1.2) -> None:
    """A black bar at a mean and a line from the lower to the upper end of its interval: ``ends`` are the three, in points."""
    mean, low, high = ends
    axes.plot([x - half_width, x + half_width], [mean, mean], color="black", linewidth=linewidth, zorder=4)
    if low == low:  # NaN for a single run
        axes.plot([x, x], [low, high], color="black", linewidth=1.2, zorder=4)


def heatmap(axes: Axes, table: np.ndarray, limit: float, write: Callable[[float], str], fontsize: float = 7) -> AxesImage:
    """Cells coloured from ``-limit`` to ``limit`` with their values, float64 [rows, columns]; a NaN's cell is empty."""
    image = axes.imshow(table, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        if value == value:
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            axes.text(column, row, write(value), ha="center", va="center", fontsize=fontsize, color="white" if dark else "black")
    axes.spines[:].set_visible(False)
    return image


def colour_bar(axes: Axes | list[Axes], image: AxesImage, limit: float, write: Callable[[float], str], aspect: float) -> None:
    """The colours of a heatmap beside it, in points."""
    figure = image.get_figure()
    assert figure is not None
    bar = figure.colorbar(image, ax=axes, label="points", pad=0.01, aspect=aspect)
    bar.set_ticks([-limit, 0, limit], labels=[write(-limit), "0", write(limit)])
