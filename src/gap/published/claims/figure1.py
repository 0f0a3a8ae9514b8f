"""The paper's Figure 1 redrawn: one dot per released row, by model size; and the same for classification."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.points import where
from gap.figures.style import SINGLE, handle, legend_above
from gap.published.drawings import WIDTH, corpus_handles, dots, label_columns, row_points
from gap.published.names import MODELS
from gap.published.read import Published
from gap.published.rows import ORDER, baseline, corpora, gains, items_of, models, tasks_of
from gap.published.section import Figure, FigureFile, Sampling, Section
from gap.published.wording import each, score, title

#: The model of the paper's solid line, which the files lack.
REFERENCE = "6.7B"


def section(data: Published, sampling: Sampling) -> Section:
    """Baselines (commonest unmodified row per model), rows per model and corpus, highest row, and two figures."""
    numbers = {group: _numbers(data, group) for group in ORDER}
    sentences = (
        f"The files hold no row of OPT {REFERENCE}, so the solid line of the paper's Figure 1 (that model unmodified) cannot be redrawn.",
    )
    titles = {group: f"{title(group)} of every released row" for group in ORDER}
    titles["dialogue"] += " (the paper's Figure 1)"
    figures = tuple(
        Figure(f"figure1_{group}", titles[group], _caption(group, numbers[group]), _points(data, group), partial(_draw, group), "narrow")
        for group in ORDER
    )
    heading = "Every run by model size (the paper's Figure 1)"
    return Section("figure1", heading, sentences, {**numbers, "reference_rows": REFERENCE in MODELS}, (), figures)


def _numbers(data: Published, group: str) -> dict[str, Any]:
    frame = gains(data, group)
    by_model = {model: _model(rows, baseline(data, group, model)) for model, rows in models(frame).items()}
    return {"rows": len(frame), "tasks": len(tasks_of(group)), "models": by_model}


def _model(rows: pd.DataFrame, unmodified: float) -> dict[str, Any]:
    by_corpus = corpora(rows)
    return {
        "baseline": unmodified,
        "baseline_by_corpus": {corpus: float(part["base"].iloc[0]) for corpus, part in by_corpus.items()},
        "rows": len(rows),
        "rows_by_corpus": {corpus: len(part) for corpus, part in by_corpus.items()},
        "highest": float(rows["mean"].max()),
    }


def _shown(numbers: dict[str, Any], key: str) -> str:
    return each(numbers["models"], lambda row: score(row[key]))


def _caption(group: str, numbers: dict[str, Any]) -> str:
    counts = each(numbers["models"], lambda row: str(row["rows"]))
    return (
        f"Each dot is one released row at its best epoch; lines: the unmodified models, {_shown(numbers, 'baseline')} points. The highest rows are "
        f"{_shown(numbers, 'highest')}. Unweighted mean of {numbers['tasks']} tasks, at most {items_of(group).max()} items each; n = {counts} rows. "
        f"The line of {REFERENCE} cannot be redrawn."
    )


def _points(data: Published, group: str) -> pd.DataFrame:
    """Scores of the rows, and of the unmodified models (kind ``unmodified``), as ``value`` in points."""
    rows = data.rows[group]
    levels = [("unmodified", model, baseline(data, group, model) * POINTS) for model in models(rows)]
    return pd.concat([row_points(rows, value=rows["mean"] * POINTS), pd.DataFrame(levels, columns=["kind", "model", "value"])])


def _draw(group: str, file: FigureFile) -> None:
    by_model = models(where(file.points, kind="row"))
    levels = where(file.points, kind="unmodified").set_index("model")["value"].to_dict()
    with file.drawing(SINGLE, 2.7) as (figure, [[axes]]):
        for column, (model, rows) in enumerate(by_model.items()):
            dots(axes, rows, rows["value"].to_numpy(), column)
            half = WIDTH / 2 + 0.04
            axes.plot([column - half, column + half], [levels[model]] * 2, "--", color="black", zorder=3)
        label_columns(axes, [f"OPT {model}" for model in by_model])
        axes.set_ylabel(f"{AXIS_LABEL[group]}, points")
        axes.set_xlabel("model")
        legend_above(figure, corpus_handles(handle("unmodified", line="--", tint="black")), 4)
