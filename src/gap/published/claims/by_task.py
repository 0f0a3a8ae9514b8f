"""Mean and largest change of every task, by model and corpus, and how many tasks improve."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from gap.figures.labels import POINTS
from gap.figures.style import DOUBLE, drawing, save
from gap.figures.table import Cell, Column, Table, show
from gap.published.read import CORPORA, MODELS, TASK_LABEL, Published
from gap.published.rows import ALL, ORDER, SAME, baseline, changes, clusters, corpora, models, per_run, rows_of, tasks_of
from gap.published.section import Figure, FigureFile, Sampling, Section
from gap.published.wording import change, interval_of, listed, pair, score, span
from gap.stats.multiple_testing import holm

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def section(data: Published, sampling: Sampling) -> Section:
    """Per task, model and corpus (and all): mean change, its interval and largest change; per model: tasks that improve."""
    frames = {group: changes(data, group) for group in ORDER}
    tasks: dict[str, Any] = {}
    for group in ORDER:
        for task in tasks_of(group):
            tasks[task] = {model: _model(data, group, task, rows_of(frames[group], model), sampling) for model in models(frames[group])}
    counts = {model: _count(tasks, model, sampling) for model in models(frames[ORDER[0]])}
    sentences = [_sentence(model, entry, sampling) for model, entry in counts.items()]
    sentences.append(
        "A row's tasks are those of the epoch with the best average of its group (in the dialogue file the best dialogue epoch, in the "
        "classification file the best classification epoch), so the mean over a group's tasks cannot fall although single tasks can, "
        "and that choice biases the tasks' mean changes upwards on average. The intervals and tests are over texts: they do not say that a change "
        "would hold on other items."
    )
    figures = (Figure("task_heatmap", "Mean change by task", _caption(data, frames), partial(_draw, tasks)),)
    return Section(
        "by_task", "Every task", tuple(sentences), {"tasks": tasks, "models": counts}, (_table(data, tasks, frames, sampling),), figures
    )


def _model(data: Published, group: str, task: str, rows: pd.DataFrame, sampling: Sampling) -> dict[str, Any]:
    model = str(rows["model"].iloc[0])
    by_corpus: dict[str, Any] = {"baseline": baseline(data, group, model, task)}
    for corpus in (ALL, *corpora(rows)):
        chosen = rows_of(rows, model, corpus)
        values = chosen[task].to_numpy()
        resamples = sampling.resample(clusters(chosen), f"by_task/{task}/{model}/{corpus}")
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
    for row, adjusted in zip(rows.values(), holm([row["p"] for row in rows.values()]), strict=True):
        row["p_holm"] = adjusted
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
    falling = listed(TASK_LABEL[task] for task in counts["mean_below"])
    return (
        f"OPT {model}: {len(counts['mean_above'])} of {counts['tasks']} tasks rise on average over all rows, "
        f"{len(counts['interval_above'])} with a {sampling.level * 100:g} % interval above zero and {len(counts['holm_above'])} after Holm's correction "
        f"over the {counts['tasks']} tasks (one-sample t-test over runs). "
        f"Below zero on average: {falling}; with an interval below zero: {len(counts['interval_below'])}, after Holm's correction "
        f"{len(counts['holm_below'])}."
    )


def _rows_text(frames: dict[str, pd.DataFrame]) -> str:
    parts = []
    for group, frame in frames.items():
        parts.append(f"{group} " + listed(f"{len(rows_of(frame, model))} ({model})" for model in models(frame)))
    return f"n, rows: {'; '.join(parts)}"


def _table(data: Published, tasks: dict[str, Any], frames: dict[str, pd.DataFrame], sampling: Sampling) -> Table:
    shown = models(frames[ORDER[0]])
    columns = [Column("task", "Task", "text")]
    for model in shown:
        columns += [
            Column(f"{model}_unmodified", "unmod.", "score", f"OPT {model}"),
            Column(f"{model}_mean", "mean", "change", f"OPT {model}"),
            Column(f"{model}_interval", f"{sampling.level * 100:g} %", "text", f"OPT {model}"),
            Column(f"{model}_largest", "largest", "change", f"OPT {model}"),
        ]
    rows: list[tuple[Cell, ...]] = []
    for task, by_model in tasks.items():
        cells: list[Cell] = [TASK_LABEL[task]]
        for model in shown:
            row = by_model[model][ALL]
            cells += [
                by_model[model]["baseline"] * POINTS,
                row["mean"] * POINTS,
                span(interval_of(row, "mean"), change),
                row["largest"] * POINTS,
            ]
        rows.append(tuple(cells))
    caption = (
        "Scores of the unmodified models (commonest row), and mean and largest change of the released rows by task, in points, at the epoch with the "
        f"best average of the task's group. {sampling.level * 100:g} % interval of the mean: bootstrap over runs, repeats kept together. {_rows_text(frames)}."
    )
    return Table("by_task", "Changes by task", caption, tuple(columns), tuple(rows), frozenset({len(tasks_of(ORDER[0]))}))


def _caption(data: Published, frames: dict[str, pd.DataFrame]) -> str:
    bases = [
        f"{group} " + listed(f"{score(baseline(data, group, model))} ({model})" for model in models(frame))
        for group, frame in frames.items()
    ]
    return (
        "Mean change in points against the unmodified rows by task (above: dialogue F1; below: classification accuracy), model and corpus, "
        "at the epoch with the best average of the task's group. Each group has its own colour scale. "
        f"Averages of the unmodified models: {'; '.join(bases)}. {_rows_text(frames)}."
    )


def _draw(tasks: dict[str, Any], file: FigureFile) -> None:
    counts = [len(tasks_of(group)) for group in ORDER]
    with drawing(file.stamp, DOUBLE, 0.2 * sum(counts) + 1.1, len(ORDER), 1, height_ratios=counts) as (figure, grid):
        panels = [axes for [axes] in grid]
        for group, axes in zip(ORDER, panels, strict=True):
            _panel(axes, tasks, group)
            axes.tick_params(length=0, labelbottom=axes is panels[-1])
        _name_models(panels[0])
        save(figure, file.folder, file.name)


def _panel(axes: Axes, tasks: dict[str, Any], group: str) -> None:
    """Mean changes of the group's tasks (rows) by model and corpus (columns), in points."""
    columns = [(model, corpus) for model in MODELS for corpus in CORPORA]
    missing = {"mean": float("nan")}
    means = [[tasks[task].get(model, {}).get(corpus, missing)["mean"] for model, corpus in columns] for task in tasks_of(group)]
    values = np.array(means) * POINTS
    limit = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    image = axes.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    shades = np.asarray(image.cmap(image.norm(values)))
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = shades[row, column]
        dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
        axes.text(column, row, show(value, "change"), ha="center", va="center", fontsize=7, color="white" if dark else "black")
    axes.set_yticks(range(len(values)), [TASK_LABEL[task] for task in tasks_of(group)])
    axes.set_xticks(range(len(columns)), [corpus for _, corpus in columns])
    axes.spines[:].set_visible(False)
    for index in range(1, len(MODELS)):
        axes.axvline(index * len(CORPORA) - 0.5, color="white", linewidth=2)
    bar = axes.get_figure().colorbar(image, ax=axes, label="points", pad=0.01, aspect=3 * len(values))  # type: ignore[union-attr]
    bar.set_ticks([-limit, 0, limit], labels=[show(-limit, "change"), "0", show(limit, "change")])


def _name_models(axes: Axes) -> None:
    """The models' names above their columns."""
    for index, model in enumerate(MODELS):
        middle = index * len(CORPORA) + (len(CORPORA) - 1) / 2
        axes.annotate(f"OPT {model}", (middle, -0.5), (0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=7)
