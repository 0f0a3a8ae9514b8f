"""The tables of the study: averages by model and corpus, changes by task, and methods side by side; what goes with gain is in
``gap.figures.familiarity_table``.
"""

from __future__ import annotations

from typing import Any

from gap.aggregate.estimates import AVERAGE
from gap.aggregate.study_index import ALL
from gap.core.files import write_text
from gap.figures.captions import BEST, baselines_text, both, methods_text, runs_text, tasks_text
from gap.figures.data import GROUP_LABEL, POINTS, Data, load
from gap.figures.familiarity_table import familiarity_table
from gap.figures.table import FORMATS, Cell, Column, Table
from gap.tasks.registry import TASKS

MAIN_CELLS = (("best", "mean"), ("best", "best"), ("last", "mean"), ("last", "best"))
MAIN_TITLES = {("best", "mean"): "mean", ("best", "best"): "max", ("last", "mean"): "mean (last)", ("last", "best"): "max (last)"}


def tables(plan: dict[str, Any]) -> None:
    """Write all tables as CSV, Markdown and LaTeX to the plan's places.

    Raises
    ------
    BadInput: a table of ``gap.aggregate`` is missing.
    """
    data = load(plan)
    for table in study_tables(data):
        for ending, written in FORMATS.items():
            write_text(data.study.path(f"{table.name}_{ending}"), written(table))
    related = familiarity_table(data)
    for ending in ("md", "tex"):  # its CSV, with every cell, is made by gap.aggregate
        write_text(data.study.path(f"{related.name}_{ending}"), FORMATS[ending](related))


def study_tables(data: Data) -> list[Table]:
    """The tables that this study has."""
    return [main_table(data), task_table(data), *([method_table(data)] if len(data.study.methods) > 1 else [])]


def main_table(data: Data) -> Table:
    """Per model and corpus: runs, and per group the unmodified model's average and the runs' mean and maximum, in points."""
    study = data.study
    columns = [Column("model", "Model", "text"), Column("corpus", "Texts", "text"), Column("runs", "Runs", "count")]
    for group in study.groups:
        columns.append(Column(f"{group}_unmodified", "unmodified", "score", GROUP_LABEL[group]))
        for policy, what in MAIN_CELLS:
            key = f"{group}_{policy}_{'max' if what == 'best' else what}"
            columns.append(Column(key, MAIN_TITLES[policy, what], "score", GROUP_LABEL[group]))
    rows: list[tuple[Cell, ...]] = []
    breaks = set()
    for model in study.subjects:
        breaks.add(len(rows))
        rows += [_main_row(data, model, corpus) for corpus in (ALL, *study.corpora)]
    if study.references:
        breaks.add(len(rows))
    for model in study.references:
        base = [cell for group in study.groups for cell in (data.baselines[model, group] * POINTS, None, None, None, None)]
        rows.append((study.models[model], "(reference)", None, *base))
    baselines = "; ".join(f"{group}, {tasks_text(data, group)}: {baselines_text(data, group)}" for group in study.groups)
    caption = (
        f"Averages before and after gradient ascent post-training, in points. Mean and max are over runs, each at its best step; {BEST}. "
        f"Columns marked (last): at each run's last step, for which nothing was chosen. Unmodified models: {baselines}. {runs_text(data)}."
    )
    return Table("main", "Scores by model and corpus", caption, tuple(columns), tuple(rows), frozenset(breaks - {0}))


def _main_row(data: Data, model: str, corpus: str) -> tuple[Cell, ...]:
    study = data.study
    cells: list[Cell] = []
    runs = None
    for group in study.groups:
        found = {policy: data.estimate(model, group, policy, corpus) for policy in ("best", "last")}
        runs = int(found["best"]["runs"]) if found["best"] else 0
        cells.append(data.baselines[model, group] * POINTS)
        for policy, what in MAIN_CELLS:
            row = found[policy]
            cells.append(float(row[what]) * POINTS if row else None)
    return (study.models[model], "all" if corpus == ALL else study.corpora[corpus], runs, *cells)


def task_table(data: Data) -> Table:
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
        rows += [_task_row(data, group, task) for task in (*study.tasks(group), AVERAGE)]
    caption = (
        "Scores of the unmodified models, and mean and largest change over runs by task, in points, at the step that the average of the "
        "task's group picks as the best; last: mean change at the last step. Averages of the unmodified models, "
        f"{both(data)}. "
        f"{study.split.capitalize()} split, at most {study.items} items per task. {runs_text(data)}."
    )
    return Table("tasks", "Changes by task", caption, tuple(columns), tuple(rows), frozenset(breaks - {0}))


def _task_row(data: Data, group: str, task: str) -> tuple[Cell, ...]:
    average = task == AVERAGE
    name = f"{GROUP_LABEL[group]} average" if average else TASKS[task].label
    chance = None if average or not TASKS[task].chance else TASKS[task].chance * POINTS
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


def method_table(data: Data) -> Table:
    """Per model and method: runs, length of the change, and per group the mean gains and the difference to the study's own method."""
    study = data.study
    own = study.methods[study.primary]
    columns = [Column("model", "Model", "text"), Column("method", "Method", "text"), Column("runs", "Runs", "count")]
    columns += [Column("distance", "scored", "score", "Distance"), Column("trained_distance", "trained", "score", "Distance")]
    for group in study.groups:
        label = GROUP_LABEL[group]
        columns += [Column(f"{group}_best", "best", "change", label), Column(f"{group}_last", "last", "change", label)]
        columns += [
            Column(f"{group}_{key}", title, "change", label)
            for key, title in (("difference", f"against {own}"), ("low", "from"), ("high", "to"))
        ]
    rows: list[tuple[Cell, ...]] = []
    breaks = set()
    for model in study.subjects:
        breaks.add(len(rows))
        rows += [_method_row(data, model, method) for method in study.methods]
    caption = (
        f"Methods side by side, in points. Distance: L2 norm of the change of all weights at the last step, mean over runs, as scored and as "
        f"trained (before transforms; for a soup the average norm of the runs in it). Best: mean gain at the best step; {BEST}. Last: mean change "
        f"at the last step. Against {own}: mean difference at the last step on the same texts, and its 95 % bootstrap interval over texts. "
        f"{methods_text(data)}. Unmodified models, {both(data)}."
    )
    return Table("methods", "Methods side by side", caption, tuple(columns), tuple(rows), frozenset(breaks - {0}))


def _method_row(data: Data, model: str, method: str) -> tuple[Cell, ...]:
    study = data.study
    runs = data.all_runs[(data.all_runs["model"] == model) & (data.all_runs["method"] == method)]
    cells: list[Cell] = [study.models[model], study.methods[method], len(runs)]
    cells += [float(runs[key].mean()) for key in ("distance", "trained_distance")]
    for group in study.groups:
        found = [data.estimate(model, group, policy, method=method) for policy in ("best", "last")]
        cells += [float(row["mean_gain"]) * POINTS if row else None for row in found]
        part = data.contrasts
        part = part[(part["model"] == model) & (part["method"] == method) & (part["group"] == group) & (part["policy"] == "last")]
        cells += [float(part[key].iloc[0]) * POINTS if len(part) else None for key in ("difference", "low", "high")]
    return tuple(cells)
