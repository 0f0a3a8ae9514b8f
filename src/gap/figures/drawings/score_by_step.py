"""Scores against the number of updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.labels import POINTS
from gap.figures.panels import corpus_handles, group_panels
from gap.figures.phrases import all_baselines_text, runs_text
from gap.figures.registry import FIGURES, Figure
from gap.figures.style import DOUBLE, GREY, colour, legend_above, marker, save

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from gap.figures.data import StudyData

#: Share of a panel's height that nothing but the unmodified model's score stands in.
STRIP = 0.14


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Change against the unmodified model: line, the mean over runs; band, their interquartile range."""
    from matplotlib.ticker import MaxNLocator

    study = data.study
    handles = corpus_handles(study, "-")
    size = (DOUBLE if len(study.subjects) > 1 else DOUBLE / 2, 0.6 + 1.7 * len(study.groups))
    with group_panels(study, study.subjects, size, "change") as (figure, panels):
        for (group, model), axes in panels.items():
            _panel(axes, data, group, model)
            if group == study.groups[-1]:
                axes.set_xlabel("updates")
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for group in study.groups:
            _make_room(panels[group, next(iter(study.subjects))])
        legend_above(figure, handles, len(handles))
        save(figure, folder, name)


def _panel(axes: Axes, data: StudyData, group: str, model: str) -> None:
    baseline = data.baselines[model, group]
    rows = data.steps[(data.steps["model"] == model) & (data.steps["task"] == group)]
    for index, corpus in enumerate(data.study.corpora):
        by_step = rows[rows["corpus"] == corpus].groupby("step")["value"]
        if not by_step.ngroups:
            continue
        curves = (by_step.mean(), by_step.quantile(0.25), by_step.quantile(0.75))
        steps = [0, *curves[0].index]
        mean, low, high = ([0.0, *((curve - baseline) * POINTS)] for curve in curves)
        axes.fill_between(steps, low, high, color=colour(index), alpha=0.15, linewidth=0)
        axes.plot(steps, mean, marker=marker(index), markersize=3, color=colour(index))
    axes.text(0.03, STRIP / 4, f"unmodified {baseline * POINTS:.1f}", transform=axes.transAxes, fontsize=7, color=GREY)


def _make_room(axes: Axes) -> None:
    """A strip below everything drawn in a row of panels, which share their limits; the unmodified score stands in it."""
    low, high = axes.get_ylim()
    axes.set_ylim(low - (high - low) * STRIP / (1 - STRIP), high)


def caption(data: StudyData) -> str:
    """What the figure shows, and of how many runs."""
    return (
        "Mean over runs (line) and their interquartile range (band) of the change against the unmodified model after each update, "
        f"by corpus of the text. A run that diverges counts up to its last step. Unmodified models, {all_baselines_text(data)}. {runs_text(data)}."
    )


FIGURES.add(Figure(name="score_by_step", title="Score by number of updates", draw=draw, caption=caption, order=5))
