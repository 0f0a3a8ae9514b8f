"""Gain of every run by corpus and model, with means and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.phrases import BEST, all_baselines_text, runs_text
from gap.figures.registry import FIGURES, Figure
from gap.figures.style import DOUBLE, centres, drawing, handle, legend_above, mean_mark, save, scatter

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from gap.figures.data import StudyData

POLICY_TITLE = {"best": "best step (the paper's figure of a run)", "last": "last step (nothing chosen)"}
WIDTH = 0.84


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Dots: runs; black: their mean with its 95 % bootstrap interval; left, the best step; right, the last."""
    study = data.study
    handles = [handle(label, index) for index, label in enumerate(study.corpora.values())]
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


def _panel(axes: Axes, data: StudyData, group: str, policy: str) -> None:
    study = data.study
    axes.axhline(0, color="black", linestyle="--", linewidth=0.8)
    width = WIDTH / len(study.corpora)
    for column, model in enumerate(study.subjects):
        middles = centres(column, WIDTH, len(study.corpora))
        for index, (corpus, centre) in enumerate(zip(study.corpora, middles, strict=True)):
            gains = data.chosen(model, group, policy, corpus)["gain"].to_numpy() * POINTS
            scatter(axes, centre, width * 0.6, gains, index, s=12 if len(gains) <= 20 else 5, alpha=0.5)
            if row := data.estimate(model, group, policy, corpus):
                mean_mark(axes, centre, width * 0.32, row)
    axes.set_xticks(range(len(study.subjects)), [study.models[model] for model in study.subjects])
    axes.set_xlim(-0.6, len(study.subjects) - 0.4)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def caption(data: StudyData) -> str:
    """What the figure shows, and of how many runs."""
    return (
        "Each dot is one run's gain over the unmodified model; black: mean and 95 % bootstrap interval over runs. "
        f"Left: at the best step; {BEST}. Right: at the last step, for which nothing was chosen. "
        f"Unmodified models, {all_baselines_text(data)}. {runs_text(data)}."
    )


FIGURES.add(Figure(name="gain_by_corpus", title="Gain by corpus", draw=draw, caption=caption, order=3))
