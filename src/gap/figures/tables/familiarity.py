"""The relation of text features to gains as a table: what the figure shows in grey, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gap.aggregate.study_index import ALL
from gap.describe.features import LABELS
from gap.figures.labels import GROUP_LABEL
from gap.figures.phrases import all_baselines_text, runs_text
from gap.figures.registry import TABLES, TableEntry, enough_texts
from gap.figures.table import Cell, Column, Row, Table, joined, show

if TYPE_CHECKING:
    from gap.figures.data import StudyData

#: Nothing was chosen by looking at scores.
POLICY = "last"
SMALL = 0.001


def build(data: StudyData) -> Table:
    """Per task group and feature, and for each model: rank correlation within corpora, its interval, Holm's p over the features."""
    study = data.study
    columns = [Column("group", "Score", "text"), Column("feature", "Feature", "text")]
    for model, label in study.subjects.items():
        columns += [Column(f"{model}_rho", "rho", "change", label), Column(f"{model}_interval", "95 %", "text", label)]
        columns += [Column(f"{model}_p_holm", "p (Holm)", "text", label)]
    blocks = [_rows(data, group) for group in study.groups]
    caption = (
        "Spearman's rank correlation between a run's gain at the last step and what the unmodified model makes of its text, over all corpora with ranks "
        "taken within each, with its 95 % bootstrap interval over runs, and its permutation p after Holm's correction over the features of one model and score. "
        "Empty: fewer than four runs per corpus, or a feature or gain that is the same for all. Single corpora, ranks over all corpora, and the best step: "
        f"familiarity.csv. Unmodified models, {all_baselines_text(data)}. {runs_text(data)}."
    )
    return Table("familiarity", "Gain against features of the text", caption, tuple(columns), *joined(blocks))


def _rows(data: StudyData, group: str) -> list[Row]:
    rows: list[Row] = []
    for feature, label in LABELS.items():
        relations = [data.familiarity.get((model, ALL, group, POLICY, feature)) for model in data.study.subjects]
        if any(relations):
            rows.append((GROUP_LABEL[group], label, *(cell for relation in relations for cell in _cells(relation))))
    return rows


def _cells(row: dict[str, Any] | None) -> tuple[Cell, Cell, Cell]:
    if row is None or row["within_rho"] != row["within_rho"]:
        return None, None, None
    low, high, p = (float(row[f"within_{name}"]) for name in ("low", "high", "p_holm"))
    interval = f"{show(low, 'change')} to {show(high, 'change')}" if low == low else ""
    return float(row["within_rho"]), interval, f"< {SMALL}" if p < SMALL else f"{p:.3f}"


# its CSV, with every cell, is made by gap.aggregate
TABLES.add(TableEntry(name="familiarity", build=build, order=4, formats=("md", "tex"), exists=enough_texts))
