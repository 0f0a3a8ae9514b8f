"""Correlations with their intervals, a row per feature and a mark per scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gap.figures.style import DOUBLE, GREY, colour, drawing, handle, legend_above, marker, save
from gap.published.read import CORPORA
from gap.published.shared import ALL, interval_of

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from gap.figures.style import Stamp

#: Vertical distance between the marks of one row.
STEP = 0.19
#: Scope -> colour and marker; all corpora first.
LOOK = {ALL: (GREY, "x")} | {corpus: (colour(place), marker(place)) for place, corpus in enumerate(CORPORA)}


def draw(found: dict[str, Any], labels: dict[str, str], alpha: float, stamp: Stamp, folder: Path, name: str) -> None:
    """One panel per model; ``found`` maps models to scopes to features; marks are filled where Holm's p is below ``alpha``."""
    from matplotlib.lines import Line2D

    pooled = Line2D([], [], linestyle="None", marker=LOOK[ALL][1], markersize=4, color=LOOK[ALL][0], label="all corpora")
    handles = [pooled] + [handle(corpus, place) for place, corpus in enumerate(CORPORA)]
    with drawing(stamp, DOUBLE, 0.42 * len(labels) + 0.8, 1, len(found), sharey=True, sharex=True) as (figure, [line]):
        for axes, (model, row) in zip(line, found.items(), strict=True):
            _panel(axes, row["scopes"], list(labels), alpha)
            axes.set_title(f"OPT {model}")
            axes.set_xlabel("rank correlation with gain")
        line[0].set_yticks(range(len(labels)), list(labels.values()))
        line[0].set_ylim(len(labels) - 0.5, -0.5)
        legend_above(figure, handles, len(handles))
        save(figure, folder, name)


def _panel(axes: Axes, scopes: dict[str, Any], features: list[str], alpha: float) -> None:
    axes.axvline(0, color="black", linestyle="--", linewidth=0.8)
    for place in range(1, len(features)):
        axes.axhline(place - 0.5, color="#DDDDDD", linewidth=0.5)
    for order, (scope, (shade, shape)) in enumerate(LOOK.items()):
        for place, feature in enumerate(features):
            row = scopes.get(scope, {"features": {}})["features"].get(feature)
            if row is None or row["rho"] is None:
                continue
            height, bounds = place + STEP * (order - (len(LOOK) - 1) / 2), interval_of(row, "rho")
            axes.plot([bounds.low, bounds.high], [height, height], color=shade, linewidth=0.9, zorder=2)
            filled = shade if row["p_holm"] < alpha else "white"
            axes.plot([row["rho"]], [height], marker=shape, markersize=3.5, color=shade, markerfacecolor=filled, zorder=3)
    axes.tick_params(axis="y", length=0)
