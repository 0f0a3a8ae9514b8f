"""Figure 1 of the paper: one dot per run, by model size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gap.figures.labels import AXIS_LABEL, GROUP_LABEL, POINTS
from gap.figures.panels import corpus_dots, corpus_handles
from gap.figures.phrases import BEST, baselines_text, runs_text, tasks_text
from gap.figures.points import run_points, where
from gap.figures.registry import FIGURES, Figure, StudyShape
from gap.figures.style import GREY, SINGLE, drawing, handle, legend_above, save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from gap.figures.data import StudyData

#: Share of the distance between two columns that the dots of one take.
WIDTH = 0.8
#: Lines of the reference models, the first solid as in the paper.
LINES: tuple[Any, ...] = ("-", "-.", ":")


def points(data: StudyData, group: str) -> pd.DataFrame:
    """The runs at their best steps, and the unmodified models (kinds ``unmodified`` and ``reference``) with their ``value`` in points."""
    import pandas as pd

    kinds = dict.fromkeys(data.study.subjects, "unmodified") | dict.fromkeys(data.study.references, "reference")
    levels = [(kind, group, model, data.baselines[model, group] * POINTS) for model, kind in kinds.items()]
    return pd.concat([run_points(data, [group], ["best"]), pd.DataFrame(levels, columns=["kind", "group", "model", "value"])])


def draw(data: StudyData, folder: Path, name: str, group: str) -> None:
    """Dots: a run's average at its best step, in points, coloured by corpus; lines: the unmodified and reference models."""
    study, frame = data.study, points(data, group)
    levels = {row["model"]: row["value"] for row in frame[frame["kind"] != "run"].to_dict("records")}
    lines = {model: LINES[index % len(LINES)] for index, model in enumerate(study.references)}
    handles = [*corpus_handles(study), handle("unmodified", line="--", tint="black")]
    handles += [handle(f"reference {study.models[model]}", line=line) for model, line in lines.items()]
    with drawing(study, SINGLE, 2.7) as (figure, [[axes]]):
        for column, model in enumerate(study.subjects):
            values = [where(frame, kind="run", model=model, corpus=corpus)["value"].to_numpy() for corpus in study.corpora]
            corpus_dots(axes, column, values, width=WIDTH, spread=0.8, size=14, alpha=0.75)
            half_width = WIDTH / 2 + 0.04
            axes.plot([column - half_width, column + half_width], [levels[model], levels[model]], "--", color="black", zorder=3)
        for model, line in lines.items():
            axes.axhline(levels[model], linestyle=line, color=GREY, zorder=1)
        axes.set_xticks(range(len(study.subjects)), list(study.subjects.values()))
        axes.set_xlim(-0.6, len(study.subjects) - 0.4)
        axes.set_ylabel(f"{AXIS_LABEL[group]}, points")
        axes.set_xlabel("model")
        axes.grid(axis="y")
        legend_above(figure, handles, 3 if len(handles) > 4 else len(handles))
        save(figure, folder, name, frame)


def caption(data: StudyData, group: str) -> str:
    """What the figure shows, and of how many runs."""
    return (
        f"Each dot is one run: its average {AXIS_LABEL[group]} ({tasks_text(data, group)}) at its best step; {BEST}. "
        "Dashed: the unmodified model of that size; solid: the reference model. "
        f"Unmodified: {baselines_text(data, group)}. {runs_text(data)}."
    )


def _has_tasks(shape: StudyShape, group: str) -> bool:
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
            tables=("selections", "run_scores"),
            exists=partial(_has_tasks, group=group),
        )
    )
