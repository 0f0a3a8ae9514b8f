"""Claim 2, level with larger models: runs that reach the next size's unmodified score, and how much of the gap is closed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.points import where
from gap.figures.style import SINGLE, handle, legend_above
from gap.figures.table import Column, Table
from gap.published.claims.figure1 import REFERENCE
from gap.published.drawings import WIDTH, corpus_handles, dots, label_columns, row_points
from gap.published.estimates import pair, share_of_runs, standard_error
from gap.published.names import MODELS
from gap.published.read import Published
from gap.published.rows import ALL, ORDER, SAME, baseline, clusters, corpora, gains, rows_of, tasks_of
from gap.published.section import Figure, FigureFile, Row, Sampling, Section, blocks
from gap.published.wording import change, each, listed, percent, points, span

STEPS = tuple(pairwise(MODELS))


def section(data: Published, sampling: Sampling) -> Section:
    """Per group and size: the gap to the next size, rows and runs that reach it, share of the gap that mean and best row close."""
    numbers = {group: {f"{model} to {larger}": _step(data, group, model, larger, sampling) for model, larger in STEPS} for group in ORDER}
    sentences = [_sentence(group, name, row, sampling) for group in ORDER for name, row in numbers[group].items()]
    times = each(numbers[ORDER[0]], lambda row: f"{row['times']:.1f}")
    better = [f"{row['tasks_higher']} of {row['tasks']} {group} tasks ({name})" for group in ORDER for name, row in numbers[group].items()]
    sentences.append(
        f"The next size is larger by {times}, but the better one on {listed(better)} only: its average is a lower bar than its size suggests. "
        f"{MODELS[-1]} against {REFERENCE} cannot be checked."
    )
    title = "Share of the gap to the next size that a row closes"
    figures = (Figure("gap_closed", title, _caption(numbers), _points(data, numbers), _draw, "narrow"),)
    return Section("larger_models", "Level with larger models (claim 2)", tuple(sentences), numbers, (_table(numbers, sampling),), figures)


def size(model: str) -> float:
    """Parameters that a name such as 350M or 1.3B states."""
    return float(model[:-1]) * {"M": 1e6, "B": 1e9}[model[-1]]


def _step(data: Published, group: str, model: str, larger: str, sampling: Sampling) -> dict[str, Any]:
    base, target = baseline(data, group, model), baseline(data, group, larger)
    tasks = tasks_of(group)
    rows = rows_of(gains(data, group), model)
    reached = (rows["mean"] >= target - SAME).to_numpy()
    return {
        "baseline": base,
        "target": target,
        "gap": target - base,
        # the F1 of single items is not released
        "gap_error": None if group == "dialogue" else standard_error(data, group, [model, larger]),
        "tasks": len(tasks),
        "tasks_higher": sum(baseline(data, group, larger, task) > baseline(data, group, model, task) + SAME for task in tasks),
        "times": size(larger) / size(model),
        "rows": len(rows),
        "runs": len(set(clusters(rows))),
        "reached": int(reached.sum()),
        "reached_by_corpus": {corpus: int(reached[rows["corpus"] == corpus].sum()) for corpus in corpora(rows)},
        **share_of_runs("share", rows, reached, sampling.level),
        **_closed(rows, target - base, sampling, f"larger_models/{group}/{model}"),
    }


def _closed(rows: pd.DataFrame, gap: float, sampling: Sampling, name: str) -> dict[str, Any]:
    """Gains as shares of the gap; None where the larger model is not the better one."""
    if gap <= SAME:
        return {"closed": None, "closed_interval": [None, None], "closed_best": None}
    shares = rows["gain"].to_numpy() / gap
    interval = sampling.resample(clusters(rows), name).mean(shares)
    return {"closed": float(shares.mean()), "closed_interval": pair(interval), "closed_best": float(shares.max())}


def _sentence(group: str, name: str, row: dict[str, Any], sampling: Sampling) -> str:
    error = "" if row["gap_error"] is None else f" (unpaired standard error {row['gap_error'] * POINTS:.2f})"
    closed = (
        "there is no gap to close."
        if row["closed"] is None
        else f"the mean row closes {percent(row['closed'])} % of it ({sampling.within(row, 'closed', percent)})."
    )
    return (
        f"{GROUP_LABEL[group]}, {name}: {row['reached']} of {row['rows']} rows reach the larger model's unmodified score. "
        f"The gap is {change(row['gap'])} points{error}; {closed}"
    )


def _table(numbers: dict[str, Any], sampling: Sampling) -> Table:
    level = sampling.percent
    columns = (
        *(Column("group", "Score", "text"), Column("step", "Sizes", "text"), Column("rows", "Rows", "count")),
        *(Column("baseline", "unmod."), Column("target", "next size"), Column("gap", "gap", "change")),
        *(Column("reached", "rows reaching", "count"), Column("share", "%", "text"), Column("share_interval", level, "text")),
        *(Column("closed", "closed by mean, %", "text"), Column("closed_interval", level, "text")),
        Column("closed_best", "by best, %", "text"),
    )
    rows = ([_line(group, name, row) for name, row in numbers[group].items()] for group in ORDER)
    caption = (
        "Released rows that reach the next size's unmodified score, and the share of the gap that the mean and the best gain close; points. "
        f"{level} intervals over runs: Wilson's of shares of rows, bootstrap of the share closed."
    )
    return Table("larger_models", "Level with the next size", caption, columns, *blocks(rows))


def _line(group: str, name: str, row: dict[str, Any]) -> Row:
    closed, closed_best = (None if row[key] is None else percent(row[key]) for key in ("closed", "closed_best"))
    return (
        *(GROUP_LABEL[group], name, row["rows"], points(row["baseline"]), points(row["target"]), points(row["gap"])),
        *(row["reached"], percent(row["share"]), span(row, "share", percent)),
        *(closed, span(row, "closed", percent), closed_best),
    )


def _caption(numbers: dict[str, Any]) -> str:
    counts = each(numbers[ORDER[0]], lambda row: str(row["rows"]))
    return (
        "Each dot is one released row: its gain as a share of the gap between the unmodified model (0 %) and the next size unmodified (100 %, dashed). "
        f"Black: mean. n = {counts} rows; scores are in the table."
    )


def _points(data: Published, numbers: dict[str, Any]) -> pd.DataFrame:
    """Shares of the gap in per cent (``closed``) of the rows, and of the mean row (kind ``mean``)."""
    parts, means = [], []
    for group in ORDER:
        frame = gains(data, group)
        for (model, _), row in zip(STEPS, numbers[group].values(), strict=True):
            if row["closed"] is not None:
                rows = rows_of(frame, model)
                parts.append(row_points(rows, group=group, closed=rows["gain"] / row["gap"] * 100))
                means.append(("mean", group, model, ALL, row["closed"] * 100))
    return pd.concat([*parts, pd.DataFrame(means, columns=["kind", "group", "model", "corpus", "closed"])])


def _draw(file: FigureFile) -> None:
    with file.drawing(SINGLE, 2.7, 1, len(ORDER), sharey=True) as (figure, [line]):
        for axes, group in zip(line, ORDER, strict=True):
            _panel(axes, where(file.points, group=group))
            axes.set_title(GROUP_LABEL[group])
        line[0].set_ylabel("share of the gap closed, %")
        legend_above(figure, corpus_handles(handle("mean", line="-", tint="black")), 4)


def _panel(axes: Axes, frame: pd.DataFrame) -> None:
    axes.axhline(100, color="black", linestyle="--", linewidth=0.8, zorder=3)
    for column, (model, _) in enumerate(STEPS):
        rows = where(frame, kind="row", model=model)
        dots(axes, rows, rows["closed"].to_numpy(), column)
        for closed in where(frame, kind="mean", model=model)["closed"]:
            axes.plot([column - WIDTH / 2, column + WIDTH / 2], [closed, closed], color="black", linewidth=1.2, zorder=4)
    label_columns(axes, [f"{model}\nto {larger}" for model, larger in STEPS])
