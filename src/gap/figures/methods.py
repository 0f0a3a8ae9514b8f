"""The study's own method beside its controls and variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.data import AXIS_LABEL, POINTS, Data
from gap.figures.style import DOUBLE, colour, drawing, handle, legend_above, marker, save, spread

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

#: Share of the distance between two methods that the dots of one take.
WIDTH = 0.5


def draw(data: Data, folder: Path, name: str) -> None:
    """Dots: change of a run's average at its last step, by method; black: mean over runs with its 95 % bootstrap interval."""
    study = data.study
    rows, columns = len(study.groups), len(study.subjects)
    handles = [handle(label, place) for place, label in enumerate(study.corpora.values())]
    handles += [handle("mean, 95 % interval", line="-", tint="black")]
    width = DOUBLE if columns > 1 else DOUBLE * 0.6
    with drawing(study, width, 0.9 + 1.7 * rows, rows, columns, sharex=True, sharey="row") as (figure, grid):
        for group, line in zip(study.groups, grid, strict=True):
            for model, axes in zip(study.subjects, line, strict=True):
                _panel(axes, data, model, group)
            line[0].set_ylabel(f"{AXIS_LABEL[group]},\nchange in points")
        for model, axes in zip(study.subjects, grid[0], strict=True):
            axes.set_title(study.models[model])
        for axes in grid[-1]:
            axes.set_xticks(range(len(study.methods)), list(study.methods.values()), rotation=35, ha="right", rotation_mode="anchor")
            axes.set_xlim(-0.6, len(study.methods) - 0.4)
        legend_above(figure, handles, len(handles))
        save(figure, folder, name)


def _panel(axes: Axes, data: Data, model: str, group: str) -> None:
    study = data.study
    axes.axhline(0, color="black", linestyle="--", linewidth=0.8)
    for place, method in enumerate(study.methods):
        for index, corpus in enumerate(study.corpora):
            gains = data.chosen(model, group, "last", corpus, method)["gain"].to_numpy() * POINTS
            lane = WIDTH / len(study.corpora)
            centre = place - WIDTH / 2 + lane * (index + 0.5)
            offsets = [centre + offset for offset in spread(len(gains), lane * 0.6)]
            axes.scatter(
                offsets,
                gains,
                s=12 if len(gains) <= 20 else 5,
                marker=marker(index),
                color=colour(index),
                alpha=0.6,
                linewidths=0,
                zorder=2,
            )
        _mean(axes, data, model, group, method, place)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _mean(axes: Axes, data: Data, model: str, group: str, method: str, place: int) -> None:
    row = data.estimate(model, group, "last", method=method)
    if row is None:
        return
    mean, low, high = (float(row[key]) * POINTS for key in ("mean_gain", "low", "high"))
    edge = place + WIDTH / 2 + 0.06
    axes.plot([edge - 0.05, edge + 0.05], [mean, mean], color="black", linewidth=1.4, zorder=4)
    if low == low:  # NaN for a single run
        axes.plot([edge, edge], [low, high], color="black", linewidth=1.2, zorder=4)
