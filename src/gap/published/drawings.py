"""What several figures share: dots of released rows, cumulative shares of gains, the corpora's legend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gap.figures.labels import POINTS
from gap.figures.style import centres, handle, scatter
from gap.published.read import CORPORA

#: Share of the distance between two columns that the dots of one take, and the part of it that one corpus has.
WIDTH = 0.8
STRIP = WIDTH / len(CORPORA)


def corpus_handles(*more: Line2D) -> list[Line2D]:
    """Legend entries of the corpora, and ``more``."""
    return [handle(corpus, index) for index, corpus in enumerate(CORPORA)] + list(more)


def dots(axes: Axes, rows: pd.DataFrame, values: np.ndarray, column: int) -> dict[str, float]:
    """Draw ``values`` [rows] in ``column``, a strip per corpus as in the paper's Figure 1; returns the middle of each strip."""
    middles = dict(zip(CORPORA, centres(column, WIDTH, len(CORPORA)), strict=True))
    for index, (corpus, middle) in enumerate(middles.items()):
        scatter(axes, middle, STRIP * 0.8, values[(rows["corpus"] == corpus).to_numpy()], index, s=5, alpha=0.6)
    return middles


def label_columns(axes: Axes, names: list[str]) -> None:
    """Names of the columns, room at both ends, and horizontal lines behind the dots."""
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def cumulative(axes: Axes, gain: np.ndarray, line: Any, tint: str) -> None:
    """Draw the share of ``gain`` [runs] (fractions, at least 0) that is at most x points, from zero up."""
    values = np.sort(gain) * POINTS
    heights = np.arange(1, len(values) + 1) / len(values)
    axes.step([0, *values], [0, *heights], where="post", linestyle=line, color=tint)
    axes.set_ylim(0, 1.02)
    axes.grid(visible=True, axis="y")
