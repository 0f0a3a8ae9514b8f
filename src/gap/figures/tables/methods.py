"""Methods side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.phrases import BEST, all_baselines_text, methods_text
from gap.figures.registry import TABLES, TableEntry, several_methods
from gap.figures.table import Cell, Column, Row, Table, joined

if TYPE_CHECKING:
    from gap.figures.data import StudyData


def build(data: StudyData) -> Table:
    """Per model and method: runs, length of the change, and per group the mean gains and the difference to the study's own method."""
    study = data.study
    primary = study.methods[study.primary]
    columns = [Column("model", "Model", "text"), Column("method", "Method", "text"), Column("runs", "Runs", "count")]
    columns += [Column("distance", "scored", "score", "Distance"), Column("trained_distance", "trained", "score", "Distance")]
    for group in study.groups:
        titles = {"best": "best", "last": "last", "difference": f"against {primary}", "low": "from", "high": "to"}
        columns += [Column(f"{group}_{key}", title, "change", GROUP_LABEL[group]) for key, title in titles.items()]
    blocks = [[_row(data, model, method) for method in study.methods_of(model)] for model in study.subjects]
    caption = (
        f"Methods side by side, in points. Distance: L2 norm of the change of all weights at the last step, mean over runs, as scored and as "
        f"trained (before transforms; for a soup the average norm of the runs in it). Best: mean gain at the best step; {BEST}. Last: mean change "
        f"at the last step. Against {primary}: mean difference at the last step on the same texts, and its 95 % bootstrap interval over texts. "
        f"{methods_text(data)}. Unmodified models, {all_baselines_text(data)}."
    )
    return Table("methods", "Methods side by side", caption, tuple(columns), *joined(blocks))


def _row(data: StudyData, model: str, method: str) -> Row:
    study = data.study
    runs = data.all_runs[(data.all_runs["model"] == model) & (data.all_runs["method"] == method)]
    cells: list[Cell] = [study.models[model], study.methods[method], len(runs)]
    cells += [float(runs[key].mean()) for key in ("distance", "trained_distance")]
    for group in study.groups:
        estimates = [data.estimate(model, group, policy, method=method) for policy in ("best", "last")]
        cells += [float(row["mean_gain"]) * POINTS if row else None for row in estimates]
        part = data.contrasts
        part = part[(part["model"] == model) & (part["method"] == method) & (part["group"] == group) & (part["policy"] == "last")]
        cells += [float(part[key].iloc[0]) * POINTS if len(part) else None for key in ("difference", "low", "high")]
    return tuple(cells)


TABLES.add(TableEntry(name="methods", build=build, order=3, exists=several_methods))
