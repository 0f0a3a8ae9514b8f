"""Averages by model and corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.aggregate.study_index import ALL
from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.phrases import BEST, baselines_text, runs_text, tasks_text
from gap.figures.registry import TABLES, TableEntry
from gap.figures.table import Cell, Column, Table

if TYPE_CHECKING:
    from gap.figures.data import StudyData

#: Columns of one group: a policy, and a column of the estimates.
SHOWN = (("best", "mean"), ("best", "best"), ("last", "mean"), ("last", "best"))
TITLES = {("best", "mean"): "mean", ("best", "best"): "max", ("last", "mean"): "mean (last)", ("last", "best"): "max (last)"}


def build(data: StudyData) -> Table:
    """Per model and corpus: runs, and per group the unmodified model's average and the runs' mean and maximum, in points."""
    study = data.study
    columns = [Column("model", "Model", "text"), Column("corpus", "Texts", "text"), Column("runs", "Runs", "count")]
    for group in study.groups:
        columns.append(Column(f"{group}_unmodified", "unmodified", "score", GROUP_LABEL[group]))
        for policy, statistic in SHOWN:
            key = f"{group}_{policy}_{'max' if statistic == 'best' else statistic}"
            columns.append(Column(key, TITLES[policy, statistic], "score", GROUP_LABEL[group]))
    rows: list[tuple[Cell, ...]] = []
    breaks = set()
    for model in study.subjects:
        breaks.add(len(rows))
        rows += [_row(data, model, corpus) for corpus in (ALL, *study.corpora)]
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


def _row(data: StudyData, model: str, corpus: str) -> tuple[Cell, ...]:
    study = data.study
    cells: list[Cell] = []
    runs = None
    for group in study.groups:
        estimates = {policy: data.estimate(model, group, policy, corpus) for policy in ("best", "last")}
        runs = int(estimates["best"]["runs"]) if estimates["best"] else 0
        cells.append(data.baselines[model, group] * POINTS)
        for policy, statistic in SHOWN:
            row = estimates[policy]
            cells.append(float(row[statistic]) * POINTS if row else None)
    return (study.models[model], "all" if corpus == ALL else study.corpora[corpus], runs, *cells)


TABLES.add(TableEntry(name="main", build=build, order=1))
