"""Averages by model and corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.aggregate.study_index import ALL
from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.phrases import BEST, baselines_text, runs_text, tasks_text
from gap.figures.registry import TABLES, TableEntry
from gap.figures.table import Cell, Column, Row, Table, joined

if TYPE_CHECKING:
    from gap.figures.data import StudyData

#: Policy and column of the estimates -> key and title of a column of the table.
SHOWN = {
    ("best", "mean"): ("best_mean", "mean"),
    ("best", "best"): ("best_max", "max"),
    ("last", "mean"): ("last_mean", "mean (last)"),
    ("last", "best"): ("last_max", "max (last)"),
}


def build(data: StudyData) -> Table:
    """Per model and corpus: runs, and per group the unmodified model's average and the runs' mean and maximum, in points."""
    study = data.study
    columns = [Column("model", "Model", "text"), Column("corpus", "Texts", "text"), Column("runs", "Runs", "count")]
    for group in study.groups:
        for key, title in (("unmodified", "unmodified"), *SHOWN.values()):
            columns.append(Column(f"{group}_{key}", title, "score", GROUP_LABEL[group]))
    texts = {ALL: "all"} | study.corpora
    blocks = [[_row(data, model, label, corpus) for corpus, label in texts.items()] for model in study.subjects]
    blocks.append([_row(data, model, "(reference)") for model in study.references])
    baselines = "; ".join(f"{group}, {tasks_text(data, group)}: {baselines_text(data, group)}" for group in study.groups)
    caption = (
        f"Averages before and after gradient ascent post-training, in points. Mean and max are over runs, each at its best step; {BEST}. "
        f"Columns marked (last): at each run's last step, for which nothing was chosen. Unmodified models: {baselines}. {runs_text(data)}."
    )
    return Table("main", "Scores by model and corpus", caption, tuple(columns), *joined(blocks))


def _row(data: StudyData, model: str, texts: str, corpus: str = ALL) -> Row:
    """The runs of a model on a corpus; a reference model has none."""
    study = data.study
    runs = None if model in study.references else 0
    cells: list[Cell] = []
    for group in study.groups:
        cells.append(data.baselines[model, group] * POINTS)
        for policy, statistic in SHOWN:
            row = data.estimate(model, group, policy, corpus)
            cells.append(float(row[statistic]) * POINTS if row else None)
            runs = int(row["runs"]) if row else runs
    return (study.models[model], texts, runs, *cells)


TABLES.add(TableEntry(name="main", build=build, order=1))
