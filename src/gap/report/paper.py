"""The authors' published numbers beside this study's, cell by cell, where both are the same quantity."""

from __future__ import annotations

from math import hypot
from typing import Any

from gap.figures.data import StudyData
from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.table import Column, Row, Table, show


def paper_table(data: StudyData, cells: list[dict[str, Any]]) -> Table | None:
    """Mean gain at the authors' best epoch: theirs, ours, the difference with its interval, and what it says; None without a common cell.

    ``cells`` are the authors' (``gap.plan.stages.report``): model, corpus and group of this study; gain, low, high and runs of theirs, as fractions.
    """
    rows = [_row(data, cell, ours) for cell in cells if (ours := data.estimate(cell["model"], cell["group"], "authors", cell["corpus"]))]
    if not rows:
        return None
    columns = (
        *(Column("group", "Score", "text"), Column("model", "Model", "text"), Column("corpus", "Texts", "text")),
        *(
            Column("paper", "gain", "change", "Paper"),
            Column("paper_interval", "95 %", "text", "Paper"),
            Column("paper_runs", "runs", "count", "Paper"),
        ),
        *(
            Column("ours", "gain", "change", "Ours"),
            Column("ours_interval", "95 %", "text", "Ours"),
            Column("ours_runs", "runs", "count", "Ours"),
        ),
        *(Column("difference", "difference", "change"), Column("interval", "95 %", "text"), Column("verdict", "verdict", "text")),
    )
    caption = (
        "Mean gain over the unmodified model at the best epoch by the authors' rule, in points. Paper: recomputed from the authors' released rows (study published). "
        "Intervals over runs; that of the difference takes the two samples as independent. Both gains are biased upwards by the choice of the epoch."
    )
    return Table("paper", "Paper and this study", caption, columns, tuple(rows))


def _row(data: StudyData, cell: dict[str, Any], ours: dict[str, Any]) -> Row:
    paper = tuple(float(cell[key]) * POINTS for key in ("gain", "low", "high"))
    mine = tuple(float(ours[key]) * POINTS for key in ("mean_gain", "low", "high"))
    difference, low, high = _difference(mine, paper)
    verdict = "no interval" if low != low else "higher" if low > 0 else "lower" if high < 0 else "not told apart"
    names = (GROUP_LABEL[cell["group"]], data.study.models[cell["model"]], data.study.corpora.get(cell["corpus"], cell["corpus"]))
    return (
        *names,
        paper[0],
        _ends(paper),
        int(cell["runs"]),
        mine[0],
        _ends(mine),
        int(ours["runs"]),
        difference,
        _ends((difference, low, high)),
        verdict,
    )


def _difference(first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, float, float]:
    """Difference of two independent estimates (value, low, high) with an interval from theirs (MOVER, Zou and Donner 2008)."""
    value = first[0] - second[0]
    return value, value - hypot(first[0] - first[1], second[2] - second[0]), value + hypot(first[2] - first[0], second[0] - second[1])


def _ends(estimate: tuple[float, ...]) -> str:
    return f"{show(estimate[1], 'change')} to {show(estimate[2], 'change')}" if estimate[1] == estimate[1] else ""
