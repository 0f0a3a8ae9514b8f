"""Scores against the number of updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.labels import POINTS
from gap.figures.panels import corpus_handles, group_panels
from gap.figures.phrases import all_baselines_text, runs_text
from gap.figures.points import where
from gap.figures.registry import FIGURES, Figure
from gap.figures.style import DOUBLE, GREY, colour, legend_above, marker, save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes

    from gap.figures.data import StudyData

#: Share of a panel's height that nothing but the unmodified model's score stands in.
STRIP = 0.14


def points(data: StudyData) -> pd.DataFrame:
    """By group, model, corpus and step: runs, and the mean, lower and upper quartile of their change in points; step 0 is the unmodified model."""
    import pandas as pd

    study = data.study
    rows: list[tuple[object, ...]] = []
    for group in study.groups:
        for model in study.subjects:
            baseline = data.baselines[model, group]
            mine = data.steps[(data.steps["model"] == model) & (data.steps["task"] == group)]
            for corpus in study.corpora:
                steps = mine[mine["corpus"] == corpus].groupby("step")["value"]
                if steps.ngroups:
                    rows.append((group, model, corpus, 0, int(steps.size().max()), baseline * POINTS, 0.0, 0.0, 0.0))
                for step, values in steps:
                    curve = ((value - baseline) * POINTS for value in (values.mean(), values.quantile(0.25), values.quantile(0.75)))
                    rows.append((group, model, corpus, step, len(values), baseline * POINTS, *curve))
    return pd.DataFrame(rows, columns=["group", "model", "corpus", "step", "runs", "unmodified", "mean", "low", "high"])


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Change against the unmodified model: line, the mean over runs; band, their interquartile range."""
    from matplotlib.ticker import MaxNLocator

    study, frame = data.study, points(data)
    handles = corpus_handles(study, "-")
    size = (DOUBLE if len(study.subjects) > 1 else DOUBLE / 2, 0.6 + 1.7 * len(study.groups))
    with group_panels(study, study.subjects, size, "change") as (figure, panels):
        for (group, model), axes in panels.items():
            _panel(axes, where(frame, group=group, model=model), list(study.corpora))
            level = f"unmodified {data.baselines[model, group] * POINTS:.1f}"
            axes.text(0.03, STRIP / 4, level, transform=axes.transAxes, fontsize=7, color=GREY)
            if group == study.groups[-1]:
                axes.set_xlabel("updates")
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for group in study.groups:
            _make_room(panels[group, next(iter(study.subjects))])
        legend_above(figure, handles, len(handles))
        save(figure, folder, name, frame)


def _panel(axes: Axes, rows: pd.DataFrame, corpora: list[str]) -> None:
    """The curves of one model and group."""
    for index, corpus in enumerate(corpora):
        curve = where(rows, corpus=corpus)
        if len(curve):
            axes.fill_between(curve["step"], curve["low"], curve["high"], color=colour(index), alpha=0.15, linewidth=0)
            axes.plot(curve["step"], curve["mean"], marker=marker(index), markersize=3, color=colour(index))


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


FIGURES.add(Figure(name="score_by_step", title="Score by number of updates", draw=draw, caption=caption, order=5, tables=("run_scores",)))
