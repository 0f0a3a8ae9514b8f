"""Figure 1 of the paper: one dot per run, by model size."""

from __future__ import annotations

import textwrap
from functools import partial
from typing import TYPE_CHECKING, Any

from gap.figures.labels import AXIS_LABEL, GROUP_LABEL, POINTS
from gap.figures.panels import corpus_dots, corpus_handles
from gap.figures.phrases import BEST, baselines_text, last_step_text, runs_text, tasks_text
from gap.figures.points import KEYS, last_differences, run_points, where
from gap.figures.registry import FIGURES, Figure, StudyShape
from gap.figures.style import GREY, LINE_HEIGHT, SINGLE, drawing, handle, legend_above, save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.lines import Line2D

    from gap.figures.data import StudyData

#: Share of the distance between two columns that the dots of one take.
WIDTH = 0.8
#: Lines of the reference models, the first solid as in the paper.
LINES: tuple[Any, ...] = ("-", "-.", ":")
#: Letters of a line of the title.
LINE = 56
#: Where a mean stands: beside its column, in columns.
BESIDE = 0.48


def points(data: StudyData, group: str) -> pd.DataFrame:
    """The runs at their best steps, the means at the last step with their intervals (kind ``mean``), and the unmodified models (kinds
    ``unmodified`` and ``reference``), each with its ``value`` in points."""
    import pandas as pd

    kinds = dict.fromkeys(data.study.subjects, "unmodified") | dict.fromkeys(data.study.references, "reference")
    levels = [(kind, group, model, data.baselines[model, group] * POINTS) for model, kind in kinds.items()]
    runs, unmodified = run_points(data, [group], ["best"]), pd.DataFrame(levels, columns=["kind", "group", "model", "value"])
    differences = last_differences(data, group)
    below = differences["model"].map(lambda model: data.baselines[model, group] * POINTS)
    means = differences.assign(kind="mean", group=group, **{column: differences[column] + below for column in ("low", "high")})
    means = means.assign(value=differences["difference"] + below, gain=differences["difference"])
    means = means[[*KEYS, "value", "gain", "low", "high"]].astype({key: object for key in KEYS})
    return pd.concat([part for part in (runs, means, unmodified) if len(part)])


def draw(data: StudyData, folder: Path, name: str, group: str) -> None:
    """Dots: a run's average at its best step, in points, coloured by corpus; diamonds: means at the last step, which the title words; lines: the
    unmodified and reference models."""
    study, frame = data.study, points(data, group)
    means = where(frame, kind="mean")
    levels = {row["model"]: row["value"] for row in frame[frame["kind"].isin(["unmodified", "reference"])].to_dict("records")}
    lines = {model: LINES[index % len(LINES)] for index, model in enumerate(study.references)}
    handles = [*corpus_handles(study), handle("unmodified", line="--", tint="black")]
    handles += [handle(f"reference {study.models[model]}", line=line) for model, line in lines.items()]
    handles += [mean_handle()] if len(means) else []
    title = [part for line in last_step_text(data, group).splitlines() for part in textwrap.wrap(line[0].upper() + line[1:], LINE)]
    with drawing(study, SINGLE, 2.7 + LINE_HEIGHT * len(title)) as (figure, [[axes]]):
        for column, model in enumerate(study.subjects):
            values = [where(frame, kind="run", model=model, corpus=corpus)["value"].to_numpy() for corpus in study.corpora]
            corpus_dots(axes, column, values, width=WIDTH, spread=0.8, size=14, alpha=0.75)
            half_width = WIDTH / 2 + 0.04
            axes.plot([column - half_width, column + half_width], [levels[model], levels[model]], "--", color="black", zorder=3)
            for _, row in where(means, model=model).iterrows():
                axes.plot([column + BESIDE] * 2, [row["low"], row["high"]], color="black", linewidth=1.2, zorder=4)
                axes.plot([column + BESIDE], [row["value"]], "D", color="black", markersize=4, zorder=4)
        for model, line in lines.items():
            axes.axhline(levels[model], linestyle=line, color=GREY, zorder=1)
        axes.set_xticks(range(len(study.subjects)), list(study.subjects.values()))
        axes.set_xlim(-0.6, len(study.subjects) - 0.4)
        axes.set_ylabel(f"{AXIS_LABEL[group]}, points")
        axes.set_xlabel("model; each dot a run at its best step")
        axes.grid(axis="y")
        legend_above(figure, handles, 3 if len(handles) > 4 else len(handles), title)
        save(figure, folder, name, frame)


def mean_handle() -> Line2D:
    """The legend's entry of the means."""
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="-", marker="D", markersize=3, color="black", linewidth=1.2, label="mean at the last step")


def caption(data: StudyData, group: str) -> str:
    """What the figure shows, and of how many runs."""
    reference = "; solid: the reference model" if data.study.references else ""
    return (
        f"Each dot is one run: its average {AXIS_LABEL[group]} ({tasks_text(data, group)}) at its best step; {BEST}. "
        f"Diamond: the mean over runs at the last step, for which nothing is chosen, with its {data.level} % interval over runs and items. "
        f"Dashed: the unmodified model of that size{reference}. "
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
            tables=("selections", "run_scores", "effects"),
            exists=partial(_has_tasks, group=group),
            needs=f"a {group} task",
            message=partial(last_step_text, group=group),
        )
    )
