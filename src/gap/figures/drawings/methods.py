"""The study's own method beside its controls and variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.phrases import all_baselines_text, methods_text
from gap.figures.registry import FIGURES, Figure, several_methods
from gap.figures.style import DOUBLE, centres, drawing, handle, legend_above, mean_mark, save, scatter

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from gap.figures.data import StudyData

#: Share of the distance between two methods that the dots of one take.
WIDTH = 0.5


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Dots: change of a run's average at its last step, by method; black: mean over runs with its 95 % bootstrap interval."""
    study = data.study
    rows, columns = len(study.groups), len(study.subjects)
    handles = [handle(label, index) for index, label in enumerate(study.corpora.values())]
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


def _panel(axes: Axes, data: StudyData, model: str, group: str) -> None:
    study = data.study
    axes.axhline(0, color="black", linestyle="--", linewidth=0.8)
    width = WIDTH / len(study.corpora)
    for column, method in enumerate(study.methods):
        middles = centres(column, WIDTH, len(study.corpora))
        for index, (corpus, centre) in enumerate(zip(study.corpora, middles, strict=True)):
            gains = data.chosen(model, group, "last", corpus, method)["gain"].to_numpy() * POINTS
            scatter(axes, centre, width * 0.6, gains, index, s=12 if len(gains) <= 20 else 5, alpha=0.6)
        if row := data.estimate(model, group, "last", method=method):
            mean_mark(axes, column + WIDTH / 2 + 0.06, 0.05, row, linewidth=1.4)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def caption(data: StudyData) -> str:
    """What the figure shows, and of how many runs."""
    return (
        "Each dot is one run's change against the unmodified model at its last step, for which nothing was chosen; black: mean and 95 % "
        f"bootstrap interval over runs. Methods: {methods_text(data)}. Random steps have the norm of the ascent's, tensor by tensor and "
        f"update by update. Unmodified models, {all_baselines_text(data)}."
    )


FIGURES.add(Figure(name="methods", title="Methods side by side", draw=draw, caption=caption, order=4, exists=several_methods))
