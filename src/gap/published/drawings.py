"""What several figures share: dots of released rows, cumulative shares of gains, the corpora's legend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gap.figures.labels import POINTS
from gap.figures.panels import centres, scatter
from gap.figures.style import handle
from gap.published.names import CORPORA, RUN

#: Share of the distance between two columns that the dots of one take, and the part of it that one corpus has.
WIDTH = 0.8
STRIP = WIDTH / len(CORPORA)


def corpus_handles(*more: Line2D) -> list[Line2D]:
    """Legend entries of the corpora, and ``more``."""
    return [handle(corpus, index) for index, corpus in enumerate(CORPORA)] + list(more)


def row_points(rows: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """A row per released row (kind ``row``): model, corpus, text, epoch, and ``columns``."""
    frame = rows[[*RUN, "epoch"]].rename(columns={"index": "text"}).assign(**columns)
    frame.insert(0, "kind", "row")
    return frame


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


def cumulative_points(gain: np.ndarray, **names: str) -> pd.DataFrame:
    """Every ``gain`` [runs] that occurs (fractions, at least 0), in points, with the share of runs that gain at most as much; ``names`` stand in all rows."""
    values, counts = np.unique(gain.round(9), return_counts=True)
    return pd.DataFrame({**names, "gain": values * POINTS, "share": counts.cumsum() / counts.sum()})


def cumulative(axes: Axes, rows: pd.DataFrame, line: Any, tint: str) -> None:
    """Draw ``cumulative_points`` from zero up."""
    axes.step([0, *rows["gain"]], [0, *rows["share"]], where="post", linestyle=line, color=tint)
    axes.set_ylim(0, 1.02)
    axes.grid(visible=True, axis="y")
