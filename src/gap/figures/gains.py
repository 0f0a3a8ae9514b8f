"""Gain of every run by corpus and model, with means and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.data import AXIS_LABEL, POINTS, Data
from gap.figures.style import DOUBLE, colour, drawing, handle, legend_above, marker, save, spread

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

POLICY_TITLE = {"best": "best step (the paper's figure of a run)", "last": "last step (nothing chosen)"}
WIDTH = 0.84


def draw(data: Data, folder: Path, name: str) -> None:
    """Dots: runs; black: their mean with its 95 % bootstrap interval; left, the best step; right, the last."""
    study = data.study
    handles = [handle(label, place) for place, label in enumerate(study.corpora.values())]
    handles += [handle("mean, 95 % interval", line="-", tint="black")]
    rows = len(study.groups)
    with drawing(study, DOUBLE, 0.6 + 1.8 * rows, rows, len(POLICY_TITLE), sharex=True, sharey="row") as (figure, grid):
        for group, line in zip(study.groups, grid, strict=True):
            for policy, axes in zip(POLICY_TITLE, line, strict=True):
                _panel(axes, data, group, policy)
            line[0].set_ylabel(f"{AXIS_LABEL[group]},\ngain in points")
        for policy, axes in zip(POLICY_TITLE, grid[0], strict=True):
            axes.set_title(POLICY_TITLE[policy])
        legend_above(figure, handles, len(handles))
        save(figure, folder, name)


def _panel(axes: Axes, data: Data, group: str, policy: str) -> None:
    study = data.study
    lane = WIDTH / len(study.corpora)
    axes.axhline(0, color="black", linestyle="--", linewidth=0.8)
    for place, model in enumerate(study.subjects):
        for index, corpus in enumerate(study.corpora):
            gains = data.chosen(model, group, policy, corpus)["gain"].to_numpy() * POINTS
            centre = place - WIDTH / 2 + lane * (index + 0.5)
            offsets = [centre + offset for offset in spread(len(gains), lane * 0.6)]
            size = 12 if len(gains) <= 20 else 5
            axes.scatter(offsets, gains, s=size, marker=marker(index), color=colour(index), alpha=0.5, linewidths=0, zorder=2)
            _mean(axes, data, (model, group, policy, corpus), centre, lane)
    axes.set_xticks(range(len(study.subjects)), [study.models[model] for model in study.subjects])
    axes.set_xlim(-0.6, len(study.subjects) - 0.4)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _mean(axes: Axes, data: Data, cell: tuple[str, str, str, str], centre: float, lane: float) -> None:
    row = data.estimate(*cell)
    if row is None:
        return
    mean, low, high = (float(row[key]) * POINTS for key in ("mean_gain", "low", "high"))
    axes.plot([centre - lane * 0.32, centre + lane * 0.32], [mean, mean], color="black", linewidth=1.2, zorder=4)
    if low == low:  # NaN for a single run
        axes.plot([centre, centre], [low, high], color="black", linewidth=1.2, zorder=4)
