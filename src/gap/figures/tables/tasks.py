"""Changes by task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.aggregate.study_index import ALL, AVERAGE
from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.phrases import all_baselines_text, runs_text
from gap.figures.registry import TABLES, TableEntry
from gap.figures.table import Cell, Column, Table

if TYPE_CHECKING:
    from gap.figures.data import StudyData


def build(data: StudyData) -> Table:
    """Per task: chance, and per model the unmodified score and the changes over all runs, in points."""
    study = data.study
    columns = [Column("task", "Task", "text"), Column("chance", "chance", "score")]
    for model in study.subjects:
        label = study.models[model]
        columns.append(Column(f"{model}_unmodified", "unmod.", "score", label))
        changes = (("mean", "mean"), ("max", "max"), ("mean_last", "last"))
        columns += [Column(f"{model}_{key}", title, "change", label) for key, title in changes]
    columns += [Column(f"{model}_unmodified", "unmod.", "score", study.models[model]) for model in study.references]
    rows: list[tuple[Cell, ...]] = []
    breaks = set()
    for group in study.groups:
        breaks.add(len(rows))
        rows += [_row(data, group, task) for task in (*study.tasks(group), AVERAGE)]
    caption = (
        "Scores of the unmodified models, and mean and largest change over runs by task, in points, at the step that the average of the "
        "task's group picks as the best; last: mean change at the last step. Averages of the unmodified models, "
        f"{all_baselines_text(data)}. "
        f"{study.split.capitalize()} split, at most {study.items} items per task. {runs_text(data)}."
    )
    return Table("tasks", "Changes by task", caption, tuple(columns), tuple(rows), frozenset(breaks - {0}))


def _row(data: StudyData, group: str, task: str) -> tuple[Cell, ...]:
    average = task == AVERAGE
    name = f"{GROUP_LABEL[group]} average" if average else data.study.task_entries[task].label
    chance = None if average or not data.study.task_entries[task].chance else data.study.task_entries[task].chance * POINTS
    cells: list[Cell] = []
    key = group if average else task
    for model in data.study.subjects:
        best, last = (data.estimate(model, group, policy, ALL, task) for policy in ("best", "last"))
        cells.append(data.baselines[model, key] * POINTS)
        if best is None or last is None:
            cells += [None, None, None]
        else:
            largest = (float(best["best"]) - float(best["baseline"])) * POINTS
            cells += [float(best["mean_gain"]) * POINTS, largest, float(last["mean_gain"]) * POINTS]
    cells += [data.baselines[model, key] * POINTS for model in data.study.references]
    return (name, chance, *cells)


TABLES.add(TableEntry(name="tasks", build=build, order=2))
