"""Gains against features of the texts that made them, joined by corpus and index."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from gap.figures.forest import Mark, Series, panel
from gap.figures.labels import GROUP_LABEL
from gap.figures.points import where
from gap.figures.style import DOUBLE, GREY, colour, legend_above, marker
from gap.figures.table import Column, Table
from gap.published.claims.correlations import (
    CODE_SCOPE,
    FEATURES,
    MIXED,
    code_and_prose,
    correlation_of,
    describe,
    scope_of,
    summarise,
)
from gap.published.drawings import corpus_handles
from gap.published.estimates import interval_of
from gap.published.names import CORPORA
from gap.published.read import Published
from gap.published.rows import ALL, ORDER, corpora, gains, models, per_run
from gap.published.section import Figure, FigureFile, Row, Sampling, Section, blocks
from gap.published.wording import change, each, listed, p_cell, p_text, signed, span

LABELS = {**FEATURES, "code": f"code ({MIXED})"}
#: Scope -> colour and marker; all corpora first.
LOOK = {ALL: (GREY, "x")} | {corpus: (colour(index), marker(index)) for index, corpus in enumerate(CORPORA)}


def section(data: Published, sampling: Sampling) -> Section:
    """Per group, model, scope (all corpora, each corpus) and feature: Spearman's rho with gain, interval, p, Holm over features."""
    described = describe(data)
    numbers: dict[str, Any] = {}
    for group in ORDER:
        runs = per_run(gains(data, group), ["gain"]).merge(described, on=["corpus", "index"], how="left", validate="many_to_one")
        numbers[group] = {model: _model(rows, sampling, f"text_features/{group}/{model}") for model, rows in models(runs).items()}
    summary = summarise(numbers, sampling)
    figures = tuple(
        Figure(
            f"text_features_{group}",
            f"{GROUP_LABEL[group]}: gain against features of the text",
            _caption(group, numbers[group], sampling),
            _points(numbers[group]),
            partial(_draw, list(numbers[group]), 1 - sampling.level),
        )
        for group in ORDER
    )
    sentences = _sentences(numbers, summary, sampling)
    tables = tuple(_table(group, numbers[group]) for group in ORDER)
    return Section("text_features", "Gains and the texts' own features", sentences, {**numbers, "summary": summary}, tables, figures)


def _model(runs: pd.DataFrame, sampling: Sampling, name: str) -> dict[str, Any]:
    by_corpus = corpora(runs)
    mixed = by_corpus.get(MIXED, runs.head(0))
    scopes = {ALL: runs, **by_corpus, CODE_SCOPE: mixed[mixed["code"] == 1]}
    return {
        "scopes": {scope: scope_of(rows, scope, sampling, name) for scope, rows in scopes.items()},
        "code": code_and_prose(mixed),
    }


def _sentences(numbers: dict[str, Any], summary: dict[str, Any], sampling: Sampling) -> tuple[str, ...]:
    strict = summary["within_kept_overall"]
    cells = dict.fromkeys(f"{row['group']} of {row['model']} on {row['scope']}" for row in strict)
    largest = "" if summary["within_largest"] is None else f", the largest of absolute value {summary['within_largest']:.2f}"
    return (
        f"With all corpora together {summary['pooled_kept']} of {summary['pooled']} rank correlations of gain with a feature differ from zero (p below "
        f"{1 - sampling.level:.2f}, Holm over features), but corpora differ in gain and in their texts alike.",
        f"Within single corpora {summary['within_kept']} of {summary['within']} do{largest}; after Holm over all of them, {len(strict)} remain"
        f"{f' ({listed(cells)})' if cells else ''}.",
        *(text for group in ORDER for text in _code(group, numbers[group])),
        "Texts are joined to runs by row number, which the files do not say is meant. Features go together and none was varied alone.",
    )


def _code(group: str, by_model: dict[str, Any]) -> Iterator[str]:
    """Gains of the mixed corpus's code and prose, and the size of code texts against gain, which code against prose cannot make."""
    if not any(part["runs"] > 1 for row in by_model.values() for part in row["code"].values()):
        return
    gains_of_parts, words = [], []
    for model, row in by_model.items():
        code, prose = row["code"]["code"], row["code"]["prose"]
        if (test := correlation_of(row, MIXED, "code")) and test["rho"] is not None:
            gains_of_parts.append(
                f"{change(code['gain'])} and {change(prose['gain'])} for {model} ({code['runs']} and {prose['runs']} runs; "
                f"{p_text(test['p_holm'])})"
            )
        if (test := correlation_of(row, CODE_SCOPE, "words")) and test["rho"] is not None:
            words.append(f"{signed(test['rho'])} ({model}; {p_text(test['p_holm'])})")
    yield f"{GROUP_LABEL[group]}, {MIXED}: mean gain of its code and of all else {listed(gains_of_parts)}; among code alone, correlation with the number of words {listed(words)}."


def _table(group: str, by_model: dict[str, Any]) -> Table:
    columns = [Column("feature", "Feature", "text"), Column("scope", "Texts", "text")]
    for model in by_model:
        heading = f"OPT {model}"
        columns += [Column(f"{model}_rho", "rho", "change", heading), Column(f"{model}_interval", "interval", "text", heading)]
        columns += [Column(f"{model}_p_holm", "p (Holm)", "text", heading)]
    scopes = dict.fromkeys(scope for row in by_model.values() for scope in row["scopes"])

    def lines(feature: str) -> Iterator[Row]:
        for scope in scopes:
            tests = [correlation_of(row, scope, feature) for row in by_model.values()]
            if any(tests):
                yield (LABELS[feature], scope, *(cell for test in tests for cell in _cells(test)))

    caption = (
        f"{GROUP_LABEL[group]}: Spearman's rank correlation of a run's gain at its best epoch with a feature of its text (repeats averaged), its bootstrap "
        "interval over runs, and p after Holm over the features of one model and scope. All corpora together are confounded."
    )
    title = f"{GROUP_LABEL[group]}: gain against features of the text"
    return Table(f"text_features_{group}", title, caption, tuple(columns), *blocks(map(lines, LABELS)))


def _cells(test: dict[str, Any] | None) -> Row:
    if test is None or test["rho"] is None:
        return (None, None, None)
    return (test["rho"], span(test, "rho", signed), p_cell(test["p_holm"]))


def _caption(group: str, by_model: dict[str, Any], sampling: Sampling) -> str:
    counts = each(by_model, lambda row: str(row["scopes"][ALL]["runs"]))
    return (
        f"Spearman's rank correlation between a run's {group} gain and features of its text, with {sampling.percent} bootstrap intervals over runs; crosses: all "
        f"corpora together. Filled: p below {1 - sampling.level:.2f} after Holm over the features. n = {counts} runs."
    )


def _points(by_model: dict[str, Any]) -> pd.DataFrame:
    """By model, corpus (``all``: together) and feature: rank correlation, its interval and Holm's p; where the correlation exists."""
    tests = [
        (model, scope, feature, test["rho"], *interval_of(test, "rho"), test["p_holm"])
        for model, row in by_model.items()
        for scope in LOOK
        for feature in LABELS
        if (test := correlation_of(row, scope, feature)) and test["rho"] is not None
    ]
    return pd.DataFrame(tests, columns=["model", "corpus", "feature", "rho", "low", "high", "p_holm"])


def _draw(names: list[str], alpha: float, file: FigureFile) -> None:
    """One panel per model of ``names``; marks are filled where Holm's p is below ``alpha``."""
    pooled = Line2D([], [], linestyle="None", marker=LOOK[ALL][1], markersize=4, color=LOOK[ALL][0], label="all corpora")
    handles = [pooled, *corpus_handles()]
    with file.drawing(DOUBLE, 0.42 * len(LABELS) + 0.8, 1, len(names), sharey=True, sharex=True) as (figure, [line]):
        for axes, model in zip(line, names, strict=True):
            panel(axes, list(LABELS), _series(where(file.points, model=model), alpha))
            axes.set_title(f"OPT {model}")
            axes.set_xlabel("rank correlation with gain")
        line[0].set_yticks(range(len(LABELS)), list(LABELS.values()))
        line[0].set_ylim(len(LABELS) - 0.5, -0.5)
        legend_above(figure, handles, len(handles))


def _series(points: pd.DataFrame, alpha: float) -> list[Series]:
    """The scopes of one model; a correlation that does not exist has no mark."""
    series = []
    for scope, look in LOOK.items():
        tests = where(points, corpus=scope).to_dict("records")
        marks = {test["feature"]: Mark(test["rho"], test["low"], test["high"], test["p_holm"] < alpha) for test in tests}
        series.append(Series(*look, marks))
    return series
