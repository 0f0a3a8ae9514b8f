"""Gains against features of the texts that made them, joined by corpus and index."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from gap.figures.labels import GROUP_LABEL
from gap.figures.table import Cell, Column, Table
from gap.published.claims.correlations import CODE, CODE_SCOPE, MIXED, code_and_prose, describe, scope_of, summarise, test_of
from gap.published.claims.features import FEATURES
from gap.published.claims.forest import draw
from gap.published.read import Published
from gap.published.rows import ALL, ORDER, corpora, gains, models, per_run
from gap.published.section import Figure, Row, Sampling, Section, blocks
from gap.published.wording import baselines_text, change, each, listed, p_cell, p_text, signed, span

LABELS = {**FEATURES, "code": f"code ({MIXED})"}


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
            _caption(data, group, numbers[group], sampling),
            partial(draw, numbers[group], LABELS, 1 - sampling.level),
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
    remaining_by_cell: dict[str, list[str]] = {}
    for row in summary["within_kept_overall"]:
        remaining_by_cell.setdefault(f"{row['group']}, {row['model']}, {row['scope']}", []).append(
            f"{LABELS[row['feature']]} ({signed(row['rho'])})"
        )
    remaining = "; ".join(f"{cell}: {listed(parts)}" for cell, parts in remaining_by_cell.items())
    joined = list(dict.fromkeys(row["scope"] for row in summary["within_kept_overall"]))
    support = f"; correlations like those that remain within {listed(joined)} would hardly come from a wrong join" if joined else ""
    largest = "" if summary["within_largest"] is None else f"; the largest of them has absolute value {summary['within_largest']:.2f}"
    return (
        f"With all corpora together {summary['pooled_kept']} of {summary['pooled']} rank correlations of gain with a feature differ from zero "
        f"(p below {1 - sampling.level:.2f} after Holm over the features of one model and score). This mixes the texts with their corpora, which differ in "
        "gain and in their texts alike, so it says little about the features by themselves.",
        f"Within single corpora {summary['within_kept']} of {summary['within']} do by the same rule{largest}. After Holm over all {summary['within']} "
        f"of them, {len(summary['within_kept_overall'])} remain{': ' if remaining_by_cell else ''}{remaining}.",
        *(text(group, numbers[group]) for group in ORDER if _has_code(numbers[group]) for text in (_code, _inside_code)),
        "Texts are joined to runs by corpus and row number in the authors' file of that corpus; the released files do not say that the "
        f"numbers mean this{support}. Texts were cut to about the same number of tokens, so their characters say how many of them the tokenizer packs into "
        "a token. These are correlations of features that go together; none was varied alone.",
    )


def _code(group: str, by_model: dict[str, Any]) -> str:
    """Gains of the mixed corpus's code and prose."""
    parts = []
    for model, row in by_model.items():
        code, prose, test = row["code"]["code"], row["code"]["prose"], test_of(row, MIXED, "code")
        if test and test["rho"] is not None:
            parts.append(
                f"{change(code['gain'])} and {change(prose['gain'])} for {model} ({code['runs']} and {prose['runs']} runs; "
                f"rho {signed(test['rho'])}, {p_text(test['p_holm'])} after Holm)"
            )
    return f"{GROUP_LABEL[group]}, {MIXED} texts that the Pile has from its subset {CODE} and all other {MIXED} texts: mean gain {listed(parts)}."


def _has_code(by_model: dict[str, Any]) -> bool:
    return any(row["code"][part]["runs"] > 1 for row in by_model.values() for part in ("code", "prose"))


def _inside_code(group: str, by_model: dict[str, Any]) -> str:
    """The size of code texts against gain, so that code against prose cannot make the correlation."""
    rows = {model: row["scopes"][CODE_SCOPE]["features"]["words"] for model, row in by_model.items()}
    parts = [f"{signed(row['rho'])} ({model}; {p_text(row['p_holm'])} after Holm)" for model, row in rows.items() if row["rho"] is not None]
    return f"{GROUP_LABEL[group]}, among {MIXED}'s code alone the rank correlation of gain with the number of words is {listed(parts)}."


def _table(group: str, by_model: dict[str, Any]) -> Table:
    columns = [Column("feature", "Feature", "text"), Column("scope", "Texts", "text")]
    for model in by_model:
        heading = f"OPT {model}"
        columns += [Column(f"{model}_rho", "rho", "change", heading), Column(f"{model}_interval", "interval", "text", heading)]
        columns += [Column(f"{model}_p_holm", "p (Holm)", "text", heading)]
    scopes = dict.fromkeys(scope for row in by_model.values() for scope in row["scopes"])

    def lines(feature: str) -> Iterator[Row]:
        for scope in scopes:
            tests = [test_of(row, scope, feature) for row in by_model.values()]
            if any(tests):
                yield (LABELS[feature], scope, *(cell for test in tests for cell in _cells(test)))

    caption = (
        f"{GROUP_LABEL[group]}: Spearman's rank correlation between a run's gain at its best epoch and a feature of its text, over distinct runs (repeats averaged), "
        "with its bootstrap interval over runs, and its p after Holm's correction over the features of one model and scope. "
        "Texts: all corpora together (the corpora differ, so this is confounded), or one corpus."
    )
    title = f"{GROUP_LABEL[group]}: gain against features of the text"
    return Table(f"text_features_{group}", title, caption, tuple(columns), *blocks(map(lines, LABELS)))


def _cells(row: dict[str, Any] | None) -> tuple[Cell, Cell, Cell]:
    if row is None or row["rho"] is None:
        return (None, None, None)
    return (row["rho"], span(row, "rho", signed), p_cell(row["p_holm"]))


def _caption(data: Published, group: str, by_model: dict[str, Any], sampling: Sampling) -> str:
    counts = each(by_model, lambda row: str(row["scopes"][ALL]["runs"]))
    return (
        f"Spearman's rank correlation between a run's {group} gain at its best epoch and features of its text, with {sampling.percent} bootstrap intervals "
        "over runs; crosses: all corpora together, which also shows differences between corpora. Filled marks: p below "
        f"{1 - sampling.level:.2f} after Holm over the features. Compressed size: zlib bytes per byte. n = {counts} runs; unmodified: {baselines_text(data, group)} points."
    )
