"""Dots of released rows, a column per model and in it a strip per corpus, as in the paper's Figure 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gap.figures.style import colour, handle, jitter, marker
from gap.published.read import CORPORA

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

#: Share of the distance between two columns that the dots of one take, and the part of it that one corpus has.
WIDTH = 0.8
STRIP = WIDTH / len(CORPORA)


def scatter(axes: Axes, rows: pd.DataFrame, values: np.ndarray, column: int) -> dict[str, float]:
    """Draw ``values`` [rows] in ``column``; returns the horizontal middle of each corpus's strip."""
    middles = {}
    for index, corpus in enumerate(CORPORA):
        heights = values[(rows["corpus"] == corpus).to_numpy()]
        middles[corpus] = column - WIDTH / 2 + STRIP * (index + 0.5)
        offsets = [middles[corpus] + offset for offset in jitter(len(heights), STRIP * 0.8)]
        axes.scatter(offsets, heights, s=5, marker=marker(index), color=colour(index), alpha=0.6, linewidths=0, zorder=2)
    return middles


def label_columns(axes: Axes, names: list[str]) -> None:
    """Names of the columns, room at both ends, and horizontal lines behind the dots."""
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def handles(*more: Line2D) -> list[Line2D]:
    """Legend entries of the corpora, and ``more``."""
    return [handle(corpus, index) for index, corpus in enumerate(CORPORA)] + list(more)
