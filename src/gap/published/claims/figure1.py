"""The paper's Figure 1 redrawn: one dot per released row, by model size; and the same for classification."""

from __future__ import annotations

from functools import partial
from typing import Any

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.style import SINGLE, drawing, handle, legend_above, save
from gap.published.claims import corpus_dots
from gap.published.read import ITEMS, Published
from gap.published.rows import ORDER, baseline, corpora, gains, models, rows_of, tasks_of, unmodified
from gap.published.section import Figure, FigureFile, Sampling, Section
from gap.published.wording import listed, score, title

#: The model of the paper's solid line.
REFERENCE = "6.7B"


def section(data: Published, sampling: Sampling) -> Section:
    """Baselines (commonest unmodified row per model), rows per model and corpus, highest row, and two figures."""
    del sampling  # nothing is drawn at random here
    numbers = {group: _numbers(data, group) for group in ORDER}
    reference = any((data.rows[group]["model"] == REFERENCE).any() for group in ORDER)
    sentences = [_sentence(group, numbers[group]) for group in ORDER]
    if not reference:
        sentences.append(
            f"The files hold no row of OPT {REFERENCE}, so the solid line of the paper's Figure 1 (that model unmodified) "
            "cannot be redrawn from them, nor any run compared with it."
        )
    figures = tuple(
        Figure(f"figure1_{group}", _title(group), _caption(group, numbers[group], reference=reference), partial(_draw, data, group))
        for group in ORDER
    )
    return Section(
        "figure1",
        "Every run by model size (the paper's Figure 1)",
        tuple(sentences),
        {**numbers, "reference_rows": reference},
        (),
        figures,
    )


def _numbers(data: Published, group: str) -> dict[str, Any]:
    frame, unmodified_scores = gains(data, group), unmodified(data, group)["mean"]
    numbers: dict[str, Any] = {"rows": len(frame), "tasks": len(tasks_of(group)), "models": {}}
    for model in models(frame):
        rows = rows_of(frame, model)
        numbers["models"][model] = {
            "baseline": baseline(data, group, model),
            "baseline_by_corpus": {corpus: float(unmodified_scores.loc[(model, corpus)]) for corpus in corpora(rows)},
            "rows": len(rows),
            "rows_by_corpus": {corpus: len(rows_of(rows, model, corpus)) for corpus in corpora(rows)},
            "highest": float(rows["mean"].max()),
        }
    return numbers


def _title(group: str) -> str:
    return f"{title(group)} of every released row" + (" (the paper's Figure 1)" if group == "dialogue" else "")


def _shown(numbers: dict[str, Any], key: str) -> str:
    return listed(f"{score(row[key])} ({model})" for model, row in numbers["models"].items())


def _sentence(group: str, numbers: dict[str, Any]) -> str:
    return (
        f"{title(group)}: the unmodified models score {_shown(numbers, 'baseline')} points; "
        f"the highest of the {numbers['rows']} rows are {_shown(numbers, 'highest')}."
    )


def _caption(group: str, numbers: dict[str, Any], *, reference: bool) -> str:
    counts = listed(f"{row['rows']} ({model})" for model, row in numbers["models"].items())
    items = max(ITEMS[task] for task in tasks_of(group))
    solid = (
        ""
        if reference
        else f" The published rows have no {REFERENCE} reference row, so the solid line of the paper's figure cannot be redrawn."
    )
    return (
        f"Each dot is one released row: its average {AXIS_LABEL[group]} (unweighted mean of {numbers['tasks']} tasks, validation, at most "
        f"{items} items each) at its best epoch. That epoch is chosen by the average that is shown and may be the unmodified model. "
        f"Dashed: the unmodified model of that size, {_shown(numbers, 'baseline')} points. n = {counts} rows.{solid}"
    )


def _draw(data: Published, group: str, file: FigureFile) -> None:
    frame = data.rows[group]
    with drawing(file.stamp, SINGLE, 2.7) as (figure, [[axes]]):
        for column, model in enumerate(models(frame)):
            rows = rows_of(frame, model)
            corpus_dots.scatter(axes, rows, rows["mean"].to_numpy() * POINTS, column)
            level, half = baseline(data, group, model) * POINTS, corpus_dots.WIDTH / 2 + 0.04
            axes.plot([column - half, column + half], [level, level], "--", color="black", zorder=3)
        corpus_dots.label_columns(axes, [f"OPT {model}" for model in models(frame)])
        axes.set_ylabel(f"{AXIS_LABEL[group]}, points")
        axes.set_xlabel("model")
        legend_above(figure, corpus_dots.handles(handle("unmodified", line="--", tint="black")), 4)
        save(figure, file.folder, file.name)
