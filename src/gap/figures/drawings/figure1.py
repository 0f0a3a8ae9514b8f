"""Figure 1 of the paper: one dot per run, by model size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gap.figures.labels import AXIS_LABEL, GROUP_LABEL, POINTS
from gap.figures.phrases import BEST, baselines_text, runs_text, tasks_text
from gap.figures.registry import FIGURES, Figure, StudyShape
from gap.figures.style import GREY, SINGLE, centres, drawing, handle, legend_above, save, scatter

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from gap.figures.data import StudyData

#: Share of the distance between two models that the dots of one model take.
WIDTH = 0.8
#: Lines of the reference models, the first solid as in the paper.
LINES: tuple[Any, ...] = ("-", "-.", ":")


def draw(data: StudyData, folder: Path, name: str, group: str) -> None:
    """Dots: a run's average at its best step, in points, coloured by corpus; lines: the unmodified and reference models."""
    study = data.study
    handles = [handle(label, index) for index, label in enumerate(study.corpora.values())]
    handles += [handle("unmodified", line="--", tint="black")]
    lines = {model: LINES[index % len(LINES)] for index, model in enumerate(study.references)}
    handles += [handle(f"reference {study.models[model]}", line=line) for model, line in lines.items()]
    with drawing(study, SINGLE, 2.7) as (figure, [[axes]]):
        for column, model in enumerate(study.subjects):
            _dots(axes, data, (model, group), column)
            level = data.baselines[model, group] * POINTS
            axes.plot([column - WIDTH / 2 - 0.04, column + WIDTH / 2 + 0.04], [level, level], "--", color="black", zorder=3)
        for model, line in lines.items():
            axes.axhline(data.baselines[model, group] * POINTS, linestyle=line, color=GREY, zorder=1)
        axes.set_xticks(range(len(study.subjects)), [study.models[model] for model in study.subjects])
        axes.set_xlim(-0.6, len(study.subjects) - 0.4)
        axes.set_ylabel(f"{AXIS_LABEL[group]}, points")
        axes.set_xlabel("model")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        legend_above(figure, handles, 3 if len(handles) > 4 else len(handles))
        save(figure, folder, name)


def _dots(axes: Axes, data: StudyData, cell: tuple[str, str], column: int) -> None:
    """The runs of a (model, group), corpus by corpus."""
    corpora = list(data.study.corpora)
    for index, (corpus, centre) in enumerate(zip(corpora, centres(column, WIDTH, len(corpora)), strict=True)):
        values = data.chosen(*cell, "best", corpus)["value"].to_numpy() * POINTS
        scatter(axes, centre, WIDTH / len(corpora) * 0.8, values, index, s=14 if len(values) <= 20 else 7, alpha=0.75)


def caption(data: StudyData, group: str) -> str:
    """What the figure shows, and of how many runs."""
    return (
        f"Each dot is one run: its average {AXIS_LABEL[group]} ({tasks_text(data, group)}) at its best step; {BEST}. "
        "Dashed: the unmodified model of that size; solid: the reference model. "
        f"Unmodified: {baselines_text(data, group)}. {runs_text(data)}."
    )


def _has_tasks(group: str, shape: StudyShape) -> bool:
    return group in shape.groups


for order, group in enumerate(GROUP_LABEL, 1):
    title = f"{AXIS_LABEL[group][0].upper()}{AXIS_LABEL[group][1:]} of every run"
    FIGURES.add(
        Figure(
            name=f"figure1_{group}",
            title=f"{title} (the paper's Figure 1)" if group == "dialogue" else title,
            draw=partial(draw, group=group),
            caption=partial(caption, group=group),
            order=order,
            width="narrow",
            exists=partial(_has_tasks, group),
        )
    )
