"""Mean and largest change of every task, by model and corpus, and how many tasks improve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from gap.figures.labels import POINTS
from gap.figures.panels import colour_bar, heatmap
from gap.figures.points import where
from gap.figures.style import DOUBLE
from gap.figures.table import Cell, Column, Table
from gap.published.estimates import adjust, interval_of, pair
from gap.published.names import CORPORA, MODELS, TASKS
from gap.published.read import Published
from gap.published.rows import ALL, ORDER, SAME, baseline, changes, clusters, corpora, models, per_run, tasks_of
from gap.published.section import Figure, FigureFile, Row, Sampling, Section, blocks
from gap.published.wording import change, each, listed, points, signed, span


def section(data: Published, sampling: Sampling) -> Section:
    """Per task, model and corpus (and all): mean change, its interval and largest change; per model: tasks that improve."""
    tasks: dict[str, Any] = {}
    for group in ORDER:
        by_model = models(changes(data, group))
        for task in tasks_of(group):
            tasks[task] = {
                model: {"baseline": baseline(data, group, model, task), **_changes(rows, task, sampling)}
                for model, rows in by_model.items()
            }
    counts = {model: _count(tasks, model, sampling) for model in models(data.rows[ORDER[0]])}
    sentences = [_sentence(model, entry, sampling) for model, entry in counts.items()]
    sentences.append(
        "A row's tasks are those of its group's best epoch, so the group's mean cannot fall although single tasks can, and tasks' means are biased upwards."
    )
    tables = (_table(data, tasks, sampling),)
    figures = (Figure("task_heatmap", "Mean change by task", _caption(data), _points(tasks), _draw),)
    return Section("by_task", "Every task", tuple(sentences), {"tasks": tasks, "models": counts}, tables, figures)


def _changes(rows: pd.DataFrame, task: str, sampling: Sampling) -> dict[str, Any]:
    """The task's changes in the rows of one model, by corpus and over all."""
    by_corpus: dict[str, Any] = {}
    for corpus, chosen in ({ALL: rows} | corpora(rows)).items():
        values = chosen[task].to_numpy()
        resamples = sampling.resample(clusters(chosen), f"by_task/{task}/{rows['model'].iloc[0]}/{corpus}")
        by_corpus[corpus] = {"mean": float(values.mean()), "mean_interval": pair(resamples.mean(values)), "largest": float(values.max())}
    by_corpus[ALL]["p"] = p_value(per_run(rows, [task])[task].to_numpy())
    return by_corpus


def p_value(values: np.ndarray) -> float:
    """Two-sided one-sample t-test of mean zero over runs [n], one value per run; 1 where nothing changes at all.

    The mean of some 300 runs is near enough to normal for it; a signed-rank test would need symmetric changes and drops the
    many rows that did not change.
    """
    if len(values) < 2 or np.ptp(values) <= SAME:
        return 1.0 if len(values) < 2 or abs(values.mean()) <= SAME else 0.0
    return float(stats.ttest_1samp(values, 0.0).pvalue)


def _count(tasks: dict[str, Any], model: str, sampling: Sampling) -> dict[str, Any]:
    """How many tasks' means lie above or below zero: as they are, by their interval, and by Holm's correction over all tasks."""
    rows = {task: by_model[model][ALL] for task, by_model in tasks.items()}
    adjust(rows.values())
    bounds = {task: interval_of(row, "mean") for task, row in rows.items()}
    significant = {task: row["mean"] for task, row in rows.items() if row["p_holm"] < 1 - sampling.level}
    return {
        "tasks": len(rows),
        "mean_above": sorted(task for task, row in rows.items() if row["mean"] > SAME),
        "mean_below": sorted(task for task, row in rows.items() if row["mean"] < -SAME),
        "interval_above": sorted(task for task, bound in bounds.items() if bound.low > 0),
        "interval_below": sorted(task for task, bound in bounds.items() if bound.high < 0),
        "holm_above": sorted(task for task, mean in significant.items() if mean > 0),
        "holm_below": sorted(task for task, mean in significant.items() if mean < 0),
    }


def _sentence(model: str, counts: dict[str, Any], sampling: Sampling) -> str:
    falling = listed(TASKS[task].label for task in counts["mean_below"])
    return (
        f"OPT {model}: {len(counts['mean_above'])} of {counts['tasks']} tasks rise on average, {len(counts['holm_above'])} after Holm's correction over the "
        f"{counts['tasks']} tasks (t-test over runs); {falling} fall, {len(counts['holm_below'])} after Holm's correction."
    )


def _rows_text(data: Published) -> str:
    return "n, rows: " + "; ".join(f"{group} {each(models(data.rows[group]), lambda rows: str(len(rows)))}" for group in ORDER)


def _table(data: Published, tasks: dict[str, Any], sampling: Sampling) -> Table:
    columns = [Column("task", "Task", "text")]
    for model in models(data.rows[ORDER[0]]):
        heading = f"OPT {model}"
        columns += [Column(f"{model}_unmodified", "unmod.", "score", heading), Column(f"{model}_mean", "mean", "change", heading)]
        columns += [Column(f"{model}_interval", sampling.percent, "text", heading)]
        columns += [Column(f"{model}_largest", "largest", "change", heading)]
    rows = ([_line(task, tasks[task]) for task in tasks_of(group)] for group in ORDER)
    caption = (
        "Scores of the unmodified models (commonest row), and mean and largest change of the released rows by task, in points, at the epoch with the "
        f"best average of the task's group. {sampling.percent} interval of the mean: bootstrap over runs, repeats kept together. {_rows_text(data)}."
    )
    return Table("by_task", "Changes by task", caption, tuple(columns), *blocks(rows))


def _line(task: str, by_model: dict[str, Any]) -> Row:
    cells: list[Cell] = [TASKS[task].label]
    for by_corpus in by_model.values():
        row = by_corpus[ALL]
        cells += [points(by_corpus["baseline"]), points(row["mean"]), span(row, "mean", change), points(row["largest"])]
    return tuple(cells)


def _caption(data: Published) -> str:
    return (
        "Mean change in points against the unmodified rows by task (above: dialogue F1; below: classification accuracy), model and corpus, "
        f"at the best epoch of the task's group. Each group has its own colour scale. {_rows_text(data)}."
    )


def _points(tasks: dict[str, Any]) -> pd.DataFrame:
    """Mean change in points (``gain``) by group, task, model and corpus."""
    cells = [
        (group, task, model, corpus, tasks[task][model][corpus]["mean"] * POINTS)
        for group in ORDER
        for task in tasks_of(group)
        for model in tasks[task]
        for corpus in CORPORA
        if corpus in tasks[task][model]
    ]
    return pd.DataFrame(cells, columns=["group", "task", "model", "corpus", "gain"])


def _draw(file: FigureFile) -> None:
    counts = [len(tasks_of(group)) for group in ORDER]
    with file.drawing(DOUBLE, 0.2 * sum(counts) + 1.1, len(ORDER), 1, height_ratios=counts) as (_, grid):
        panels = [axes for [axes] in grid]
        for group, axes in zip(ORDER, panels, strict=True):
            _panel(axes, where(file.points, group=group), tasks_of(group))
            axes.tick_params(length=0, labelbottom=axes is panels[-1])
        for index, model in enumerate(MODELS):
            middle = index * len(CORPORA) + (len(CORPORA) - 1) / 2
            panels[0].annotate(f"OPT {model}", (middle, -0.5), (0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=7)


def _panel(axes: Axes, frame: pd.DataFrame, tasks: list[str]) -> None:
    """Mean changes of the group's ``tasks`` (rows) by model and corpus (columns), in points."""
    columns = [(model, corpus) for model in MODELS for corpus in CORPORA]
    values = frame.pivot(index="task", columns=["model", "corpus"], values="gain").reindex(index=tasks, columns=columns).to_numpy(float)
    limit = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    image = heatmap(axes, values, limit, signed)
    axes.set_yticks(range(len(values)), [TASKS[task].label for task in tasks])
    axes.set_xticks(range(len(columns)), [corpus for _, corpus in columns])
    for index in range(1, len(MODELS)):
        axes.axvline(index * len(CORPORA) - 0.5, color="white", linewidth=2)
    colour_bar(axes, image, limit, signed, aspect=3 * len(values))
