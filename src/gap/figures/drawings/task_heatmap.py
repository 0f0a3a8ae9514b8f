"""Mean change of every task, by model and corpus."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.panels import colour_bar, heatmap
from gap.figures.phrases import all_baselines_text, runs_text
from gap.figures.points import where
from gap.figures.registry import FIGURES, Figure
from gap.figures.style import DOUBLE, drawing, save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes

    from gap.figures.data import StudyData

POLICY_TITLE = {"best": "best step of the group's average", "last": "last step"}
#: More columns than this in a panel, and the panels stand one above the other.
BESIDE = 9


def points(data: StudyData) -> pd.DataFrame:
    """By policy, group, task, model and corpus: runs and their mean change in points (``gain``)."""
    import pandas as pd

    study, rows = data.study, []
    for policy in POLICY_TITLE:
        for group in study.groups:
            cells = product(study.tasks(group), study.subjects, study.corpora)
            for task, model, corpus in cells:
                if row := data.estimate(model, group, policy, corpus, task):
                    rows.append((policy, group, task, model, corpus, int(row["runs"]), float(row["mean_gain"]) * POINTS))
    return pd.DataFrame(rows, columns=["policy", "group", "task", "model", "corpus", "runs", "gain"])


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Cells: mean change in points over the runs, at the step that the group's average picks, and at the last step.

    Each group has its own colour scale: accuracies move by more points than F1 does.
    """
    study, frame = data.study, points(data)
    columns = [(model, corpus) for model in study.subjects for corpus in study.corpora]
    beside = len(columns) <= BESIDE
    cells = [(policy, group) for policy in POLICY_TITLE for group in study.groups]
    if beside:
        cells.sort(key=lambda cell: study.groups.index(cell[1]))
    rows, across = (len(study.groups), 2) if beside else (2 * len(study.groups), 1)
    counts = [len(study.tasks(group)) for _, group in cells[::across]]
    height = 0.2 * sum(counts) + 0.12 * rows + (0.9 if beside else 2.1)
    with drawing(study, DOUBLE, height, rows, across, sharey="row", height_ratios=counts) as (figure, grid):
        panels = dict(zip(cells, [axes for line in grid for axes in line], strict=True))
        for group in study.groups:
            _group(data, where(frame, group=group), columns, {policy: panels[policy, group] for policy in POLICY_TITLE})
        save(figure, folder, name, frame)


def _group(data: StudyData, rows: pd.DataFrame, columns: list[tuple[str, str]], panels: dict[str, Axes]) -> None:
    """The panels of one group, whose points are ``rows``, and their common colour bar."""
    group = str(rows["group"].iloc[0])
    tasks = data.study.tasks(group)
    tables = {policy: _changes(where(rows, policy=policy), tasks, columns) for policy in panels}
    limit = max(float(np.nanmax(np.abs(table), initial=0.0)) for table in tables.values()) or 1.0
    groups = data.study.groups
    beside = len(columns) <= BESIDE
    for policy, axes in panels.items():
        image = heatmap(axes, tables[policy], limit, _number, fontsize=7 if len(columns) <= BESIDE - 2 else 6)
        if group == groups[0]:
            axes.set_title(POLICY_TITLE[policy], pad=16)
        _label(axes, data, tasks, columns, top=group == groups[0], bottom=group == groups[-1])
        if not beside or axes is list(panels.values())[-1]:
            colour_bar(list(panels.values()) if beside else axes, image, limit, _number, aspect=4 * len(tasks))


def _changes(rows: pd.DataFrame, tasks: list[str], columns: list[tuple[str, str]]) -> np.ndarray:
    """Mean changes of the tasks of one group in points, float64 [tasks, columns]; NaN where a cell has no runs."""
    gains = rows.set_index(["task", "model", "corpus"])["gain"].to_dict()
    return np.array([[gains.get((task, *column), np.nan) for column in columns] for task in tasks])


def _number(value: float) -> str:
    """One decimal, a real minus sign, no negative zero."""
    text = f"{value:.1f}".replace("-", "\N{MINUS SIGN}")
    return text if text.strip("\N{MINUS SIGN}0.") else "0.0"


def _label(axes: Axes, data: StudyData, tasks: list[str], columns: list[tuple[str, str]], *, top: bool, bottom: bool) -> None:
    study = data.study
    axes.set_yticks(range(len(tasks)), [study.task_entries[task].label for task in tasks])
    axes.set_xticks(range(len(columns)), [study.corpora[corpus] for _, corpus in columns], rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, labelbottom=bottom)
    for index, label in enumerate(study.subjects.values()):
        middle = index * len(study.corpora) + (len(study.corpora) - 1) / 2
        if top:
            axes.annotate(label, (middle, -0.5), (0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=7)
        if index:
            axes.axvline(index * len(study.corpora) - 0.5, color="white", linewidth=2)


def caption(data: StudyData) -> str:
    """What the figure shows, and of how many runs."""
    groups = ", then ".join(GROUP_LABEL[group].lower() for group in data.study.groups)
    return (
        f"Mean change in points against the unmodified model by task (from top to bottom: {groups}), model and corpus. "
        "Left (or above): at the step with the best average of the task's group; right (or below): at the last step. "
        f"Each group has its own colour scale. Averages of the unmodified models, {all_baselines_text(data)}. {runs_text(data)}."
    )


FIGURES.add(Figure(name="task_heatmap", title="Change by task", draw=draw, caption=caption, order=6, tables=("estimates",)))
