"""The relation of text features to gains as a table: what the figure shows in grey, in numbers."""

from __future__ import annotations

from typing import Any

from gap.aggregate.study_index import ALL
from gap.figures.captions import both, runs_text
from gap.figures.data import GROUP_LABEL, Data
from gap.figures.familiarity import LABELS, POLICY
from gap.figures.table import Cell, Column, Table, show

SMALL = 0.001


def familiarity_table(data: Data) -> Table:
    """Per task group and feature, and for each model: rank correlation within corpora, its interval, Holm's p over the features."""
    study = data.study
    columns = [Column("group", "Score", "text"), Column("feature", "Feature", "text")]
    for model in study.subjects:
        label = study.models[model]
        columns += [Column(f"{model}_rho", "rho", "change", label), Column(f"{model}_interval", "95 %", "text", label)]
        columns += [Column(f"{model}_p_holm", "p (Holm)", "text", label)]
    rows: list[tuple[Cell, ...]] = []
    breaks = set()
    for group in study.groups:
        breaks.add(len(rows))
        for feature, label in LABELS.items():
            found = [data.relation(model, ALL, group, POLICY, feature) for model in study.subjects]
            if any(found):
                rows.append((GROUP_LABEL[group], label, *(cell for row in found for cell in _cells(row))))
    caption = (
        "Spearman's rank correlation between a run's gain at the last step and what the unmodified model makes of its text, over all corpora with ranks "
        "taken within each, with its 95 % bootstrap interval over runs, and its permutation p after Holm's correction over the features of one model and score. "
        "Empty: fewer than four runs per corpus, or a feature or gain that is the same for all. Single corpora, ranks over all corpora, and the best step: "
        f"familiarity.csv. Unmodified models, {both(data)}. {runs_text(data)}."
    )
    return Table("familiarity", "Gain against features of the text", caption, tuple(columns), tuple(rows), frozenset(breaks - {0}))


def _cells(row: dict[str, Any] | None) -> tuple[Cell, Cell, Cell]:
    if row is None or row["within_rho"] != row["within_rho"]:
        return None, None, None
    low, high, p = (float(row[f"within_{name}"]) for name in ("low", "high", "p_holm"))
    interval = f"{show(low, 'change')} to {show(high, 'change')}" if low == low else ""
    return float(row["within_rho"]), interval, f"< {SMALL}" if p < SMALL else f"{p:.3f}"
