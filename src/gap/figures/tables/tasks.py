"""Changes by task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.aggregate.study_index import ALL, AVERAGE
from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.phrases import all_baselines_text, runs_text
from gap.figures.registry import TABLES, TableEntry
from gap.figures.table import Cell, Column, Row, Table, joined

if TYPE_CHECKING:
    from gap.figures.data import StudyData


def build(data: StudyData) -> Table:
    """Per task: chance, and per model the unmodified score and the changes over all runs, in points."""
    study = data.study
    columns = [Column("task", "Task", "text"), Column("chance", "chance", "score")]
    for model, label in study.subjects.items():
        columns.append(Column(f"{model}_unmodified", "unmod.", "score", label))
        changes = (("mean", "mean"), ("max", "max"), ("mean_last", "last"))
        columns += [Column(f"{model}_{key}", title, "change", label) for key, title in changes]
    columns += [Column(f"{model}_unmodified", "unmod.", "score", label) for model, label in study.references.items()]
    blocks = [[_row(data, group, task) for task in (*study.tasks(group), AVERAGE)] for group in study.groups]
    caption = (
        "Scores of the unmodified models, and mean and largest change over runs by task, in points, at the step that the average of the "
        "task's group picks as the best; last: mean change at the last step. Averages of the unmodified models, "
        f"{all_baselines_text(data)}. "
        f"{study.split.capitalize()} split, at most {study.items} items per task. {runs_text(data)}."
    )
    return Table("tasks", "Changes by task", caption, tuple(columns), *joined(blocks))


def _row(data: StudyData, group: str, task: str) -> Row:
    entry = data.study.task_entries.get(task)  # none of the average
    name, key = (entry.label, task) if entry else (f"{GROUP_LABEL[group]} average", group)
    cells: list[Cell] = [name, entry.chance * POINTS if entry and entry.chance else None]
    for model in data.study.subjects:
        best, last = (data.estimate(model, group, policy, ALL, task) for policy in ("best", "last"))
        cells.append(data.baselines[model, key] * POINTS)
        if best is None or last is None:
            cells += [None, None, None]
        else:
            largest = (float(best["best"]) - float(best["baseline"])) * POINTS
            cells += [float(best["mean_gain"]) * POINTS, largest, float(last["mean_gain"]) * POINTS]
    cells += [data.baselines[model, key] * POINTS for model in data.study.references]
    return tuple(cells)


TABLES.add(TableEntry(name="tasks", build=build, order=2))
