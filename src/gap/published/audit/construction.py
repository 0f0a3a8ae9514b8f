"""Gains cannot be negative: how many rows are the unmodified model, and the gains with and without them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from gap.figures.labels import AXIS_LABEL, GROUP_LABEL, POINTS
from gap.figures.points import where
from gap.figures.style import DOUBLE, GREY, colour, handle, legend_above, marker
from gap.figures.table import Column, Table
from gap.published.drawings import cumulative, cumulative_points
from gap.published.estimates import plain
from gap.published.names import FILES, GROUPS, TASKS
from gap.published.read import Published
from gap.published.rows import SAME, baseline, gains, models, rows_of, tasks_of
from gap.published.section import Figure, FigureFile, Row, Sampling, Section, blocks
from gap.published.wording import listed, percent, points

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
#: Those that the table shows.
SHOWN = (0.25, 0.5, 0.75)
#: Lines of the models, small to large, so that colour is not the only distinction.
LINES: tuple[Any, ...] = ("-", "--", ":")


def section(data: Published, sampling: Sampling) -> Section:
    """Per group and model: rows, unmodified rows (epoch 0), gains of all and of the modified rows; rows below zero and why."""
    frames = {group: gains(data, group) for group in GROUPS}
    numbers: dict[str, Any] = {group: _group(data, group, frames[group]) for group in GROUPS}
    sentences = [
        "The unmodified model, epoch 0, is one of the candidates for the best epoch: a run that only loses is published with its score. A mean gain above zero is "
        "no evidence that updates help, nor is the mean without these rows, which are left because their best epoch lies above zero.",
        *(_counts(group, numbers[group]) for group in GROUPS),
        *(text for group in GROUPS for text in _below(group, numbers[group])),
    ]
    figures = (Figure("published_gains", "Gains of the released rows", _caption(numbers), _points(frames), _draw),)
    return Section("construction", "Gains cannot be negative", tuple(sentences), numbers, (_table(numbers),), figures)


def _group(data: Published, group: str, frame: pd.DataFrame) -> dict[str, Any]:
    unmodified_rows = frame["epoch"] == 0
    against = frame["mean"] - frame["model"].map(data.baselines[group]["mean"])
    below = against < -SAME
    return {
        "rows": len(frame),
        "unmodified": int(unmodified_rows.sum()),
        "below_own": int((frame["gain"] < -SAME).sum()),
        "modified_not_above": int((~unmodified_rows & (frame["gain"] <= SAME)).sum()),
        "below_commonest": int(below.sum()),
        "below_commonest_unmodified": int((below & unmodified_rows).sum()),
        "lowest_against_commonest": float(against.min()),
        "two_baselines": _two_baselines(data, group),
        "models": {model: _model(rows) for model, rows in models(frame).items()},
    }


def _model(rows: pd.DataFrame) -> dict[str, Any]:
    modified = rows["epoch"] > 0
    return {
        "rows": len(rows),
        "unmodified": int((~modified).sum()),
        "share": float((~modified).mean()),
        "all": _spread(rows["gain"].to_numpy()),
        "modified": _spread(rows.loc[modified, "gain"].to_numpy()),
    }


def _spread(values: np.ndarray) -> dict[str, Any]:
    """Count, mean, median, quantiles and largest of ``values`` [n]; None where there are none."""
    shown = values if len(values) else np.array([np.nan])
    quantiles = {f"{level:g}": plain(np.quantile(shown, level)) for level in QUANTILES}
    averages = {"mean": plain(shown.mean()), "median": plain(np.median(shown)), "largest": plain(shown.max())}
    return {"count": len(values), **averages, "quantiles": quantiles}


def _two_baselines(data: Published, group: str) -> list[dict[str, Any]]:
    """Cells (model and corpus) whose unmodified rows differ from the model's commonest, and by what in each task.

    ``tasks``: difference in items for accuracies, in fractions for F1.
    """
    cells, tasks, by_cell = [], tasks_of(group), data.unmodified[group]
    for model, corpus in by_cell.index.tolist():
        difference = {task: float(by_cell.loc[(model, corpus), task]) - baseline(data, group, model, task) for task in tasks}
        moved = {task: value for task, value in difference.items() if abs(value) > SAME}
        if moved:
            rows = int((rows_of(data.rows[group], model, corpus)["epoch"] == 0).sum())
            average = sum(difference.values()) / len(tasks)
            if group == "classification":
                moved = {task: round(value * TASKS[task].items) for task, value in moved.items()}
            cells.append({"model": model, "corpus": corpus, "rows": rows, "average": average, "tasks": moved})
    return cells


def _counts(group: str, group_numbers: dict[str, Any]) -> str:
    parts = [
        f"{row['unmodified']} of {row['rows']} ({percent(row['share'])} %) for {model}" for model, row in group_numbers["models"].items()
    ]
    return f"{FILES[group]}: {group_numbers['unmodified']} of {group_numbers['rows']} rows are the unmodified model, {listed(parts)}."


def _below(group: str, group_numbers: dict[str, Any]) -> Iterator[str]:
    """Rows below the model's commonest unmodified score, and cells with an unmodified score of their own."""
    for cell in group_numbers["two_baselines"]:
        if group == "classification":
            moved = listed(f"{count:+d} item{'' if abs(count) == 1 else 's'} of {task}" for task, count in cell["tasks"].items())
        else:
            moved = f"differences in {len(cell['tasks'])} tasks"
        yield (
            f"{GROUP_LABEL[group]}: the {cell['rows']} unmodified rows of {cell['model']} on {cell['corpus']} texts differ from the model's "
            f"commonest unmodified row by {moved} ({_change_fine(cell['average'])} points on the average), probably another set-up; each row is compared with "
            f"its own. Against the commonest, {group_numbers['below_commonest']} rows would lie below zero; against their own, {group_numbers['below_own']}."
        )


def _change_fine(value: float) -> str:
    """A fraction as a signed change in points with three decimals, for differences below a hundredth of a point."""
    return f"{value * POINTS:+.3f}".replace("-", "\N{MINUS SIGN}")


def _table(numbers: dict[str, Any]) -> Table:
    columns = [Column("group", "Tasks", "text"), Column("model", "Model", "text"), Column("rows", "Rows", "count")]
    columns.append(Column("unmodified", "unmod.", "count"))
    for key, title in (("all", "All rows"), ("modified", "Modified rows")):
        columns += [Column(f"{key}_mean", "mean", "change", title), Column(f"{key}_largest", "largest", "change", title)]
        columns += [Column(f"{key}_q{level:g}", f"{level * 100:g} %", "change", title) for level in SHOWN]
    rows = ([_line(group, model, row) for model, row in numbers[group]["models"].items()] for group in numbers)
    caption = (
        "Gain of the published score over the unmodified model of the same model and corpus, in points, over all rows and over those whose "
        "best epoch is not 0 (modified): mean, largest and quantiles. unmod.: rows that are the unmodified model."
    )
    return Table("published_gains", "Gains with and without the unmodified rows", caption, tuple(columns), *blocks(rows))


def _line(group: str, model: str, row: dict[str, Any]) -> Row:
    values = [
        value
        for part in (row["all"], row["modified"])
        for value in (part["mean"], part["largest"], *(part["quantiles"][f"{level:g}"] for level in SHOWN))
    ]
    return (group, model, row["rows"], row["unmodified"], *map(points, values))


def _caption(numbers: dict[str, Any]) -> str:
    parts = []
    for group, group_numbers in numbers.items():
        shares = listed(f"{percent(row['share'])} % ({model}, n = {row['rows']})" for model, row in group_numbers["models"].items())
        parts.append(f"{AXIS_LABEL[group]} {shares}")
    return (
        "Share of rows with at most the gain shown, against the unmodified model of the same model and corpus (baseline 0). "
        f"Dots: share of rows that are the unmodified model, {'; '.join(parts)}."
    )


def _points(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """By group and model, the share of rows up to each gain, and of those that are the unmodified model (kind ``unmodified``)."""
    parts = []
    for group, frame in frames.items():
        for model, rows in models(frame).items():
            parts.append(cumulative_points(rows["gain"].to_numpy(), kind="rows", group=group, model=model))
            unmodified = {"kind": "unmodified", "group": group, "model": model, "gain": 0.0, "share": float((rows["epoch"] == 0).mean())}
            parts.append(pd.DataFrame([unmodified]))
    return pd.concat(parts)


def _draw(file: FigureFile) -> None:
    order = list(models(file.points))
    handles = [handle(f"OPT {model}", index, LINES[index % len(LINES)]) for index, model in enumerate(order)]
    with file.drawing(DOUBLE, 2.4, 1, len(GROUPS), sharey=True) as (figure, [line]):
        for axes, group in zip(line, GROUPS, strict=True):
            for index, model in enumerate(order):
                rows = where(file.points, group=group, model=model)
                cumulative(axes, where(rows, kind="rows"), LINES[index % len(LINES)], colour(index))
                share = where(rows, kind="unmodified")["share"]
                axes.plot([0], share, marker=marker(index), markersize=4, color=colour(index), clip_on=False, zorder=3)
            axes.axvline(0, color=GREY, linewidth=0.6, zorder=1)
            axes.set_xlabel(f"gain in {AXIS_LABEL[group]}, points")
        line[0].set_ylabel("share of rows up to this gain")
        legend_above(figure, handles, len(handles))
