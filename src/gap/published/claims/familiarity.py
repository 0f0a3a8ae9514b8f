"""Claim 3, out-of-distribution text is most reliable: the corpora's gains compared."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gap.figures.labels import GROUP_LABEL
from gap.figures.table import Column, Table
from gap.published.estimates import adjust, pair, plain
from gap.published.read import Published
from gap.published.rows import ORDER, SAME, corpora, gains, models, per_run
from gap.published.section import Row, Sampling, Section, blocks
from gap.published.wording import listed, p_cell, p_text, percent, points, signed, span
from gap.stats.bootstrap import cliffs_delta_interval
from gap.stats.ranks import cliffs_delta

#: What makes a corpus the most reliable: the statistic, how to pick the corpus by it, and how a sentence says it.
RANKED = {
    "mean": (max, "the largest mean gain"),
    "median": (max, "the largest median gain"),
    "above": (max, "the largest share of runs above the unmodified model"),
    "deviation": (min, "the smallest standard deviation of gains"),
}


def section(data: Published, sampling: Sampling) -> Section:
    """Per group and model, over runs (repeats averaged): corpora's gains, Kruskal-Wallis, pairs with Mann-Whitney and Cliff's delta."""
    numbers: dict[str, Any] = {
        group: {model: _model(runs, sampling, f"familiarity/{group}/{model}") for model, runs in models(_runs(data, group)).items()}
        for group in ORDER
    }
    model_entries = [row for group in ORDER for row in numbers[group].values()]
    adjust(row["kruskal"] for row in model_entries)
    adjust(test for row in model_entries for test in row["pairs"].values())
    numbers["leaders"] = {key: dict(Counter(row["leaders"][key] for row in model_entries)) for key in RANKED}
    sentences = [_sentence(group, numbers[group], sampling) for group in ORDER]
    sentences.append(_counts(numbers["leaders"], len(model_entries)))
    sentences.append(
        "Where most runs stayed at the unmodified model a small standard deviation says that nothing happened. The corpora differ in more than "
        "familiarity (code against prose, characters per text), so no difference can be put down to it."
    )
    tables = (_corpora_table(numbers), _pairs_table(numbers, sampling))
    return Section("familiarity", "The corpora compared (claim 3)", tuple(sentences), numbers, tables)


def _runs(data: Published, group: str) -> pd.DataFrame:
    """One row per run: ``gain`` and ``above`` (share of its repeats above the unmodified model), so that runs are independent."""
    frame = gains(data, group)
    return per_run(frame.assign(above=(frame["gain"] > SAME).astype(float)), ["gain", "above"])


def _model(runs: pd.DataFrame, sampling: Sampling, name: str) -> dict[str, Any]:
    parts = corpora(runs)
    by_corpus = {corpus: _corpus(part) for corpus, part in parts.items()}
    return {
        "corpora": by_corpus,
        "kruskal": _kruskal([part["gain"].to_numpy() for part in parts.values()]),
        "leaders": {key: _leader(by_corpus, key) for key in RANKED},
        "pairs": {f"{left} - {right}": _compare(parts[left], parts[right], sampling, name) for left, right in combinations(parts, 2)},
    }


def _corpus(runs: pd.DataFrame) -> dict[str, Any]:
    gain = runs["gain"].to_numpy()
    return {
        "runs": len(gain),
        "mean": float(gain.mean()),
        "median": float(np.median(gain)),
        "deviation": plain(gain.std(ddof=1)) if len(gain) > 1 else None,
        "above": float(runs["above"].mean()),
    }


def _leader(rows: dict[str, Any], key: str) -> str:
    """The corpus with the best statistic; "tie" when two share it."""
    known = {corpus: row[key] for corpus, row in rows.items() if row[key] is not None}
    if not known:
        return "tie"
    best = RANKED[key][0](known.values())
    holders = [corpus for corpus, value in known.items() if abs(value - best) <= SAME]
    return holders[0] if len(holders) == 1 else "tie"


def _kruskal(samples: list[np.ndarray]) -> dict[str, Any]:
    """Kruskal-Wallis with tie correction; no statistic for one corpus, and p of 1 where all gains are equal."""
    joined = np.concatenate(samples)
    if len(samples) < 2 or np.ptp(joined) <= SAME:
        return {"statistic": None, "p": 1.0}
    # Scores equal up to rounding are ties.
    result = stats.kruskal(*[np.round(sample, 9) for sample in samples])
    return {"statistic": float(result.statistic), "p": float(result.pvalue)}


def _compare(left: pd.DataFrame, right: pd.DataFrame, sampling: Sampling, name: str) -> dict[str, Any]:
    """Mann-Whitney (two-sided, normal approximation with tie correction) and Cliff's delta, positive where ``left`` gains more."""
    first, second = (np.round(runs["gain"].to_numpy(), 9) for runs in (left, right))
    resamples = [sampling.resample(range(len(runs)), f"{name}/{runs['corpus'].iloc[0]}") for runs in (left, right)]
    same = np.ptp(np.concatenate([first, second])) <= SAME
    return {
        "delta": cliffs_delta(first, second),
        "delta_interval": pair(cliffs_delta_interval(first, second, *resamples)),
        "p": 1.0 if same else float(stats.mannwhitneyu(first, second, method="asymptotic").pvalue),
    }


def _sentence(group: str, by_model: dict[str, Any], sampling: Sampling) -> str:
    tests = listed(f"{p_text(row['kruskal']['p_holm'])} for {model}" for model, row in by_model.items())
    apart = []
    for model, row in by_model.items():
        significant = {name: test for name, test in row["pairs"].items() if test["p_holm"] < 1 - sampling.level}
        names = listed(f"{name} ({signed(test['delta'])})" for name, test in significant.items())
        apart.append(f"{model}: {names}")
    return (
        f"{GROUP_LABEL[group]}: Kruskal-Wallis over the corpora gives {tests}. Pairs told apart by Mann-Whitney, with Cliff's delta (positive: the first gains "
        f"more): {'; '.join(apart)}. Holm's correction over all models, both scores and all pairs."
    )


def _counts(leaders: dict[str, dict[str, int]], total: int) -> str:
    """How often each corpus leads over all models and both scores."""
    parts = [f"{words} {listed(f'{corpus} {count}' for corpus, count in leaders[key].items())}" for key, (_, words) in RANKED.items()]
    return f"Of {total} combinations of model and score, by corpus (or tie): {'; '.join(parts)}."


def _corpora_table(numbers: dict[str, Any]) -> Table:
    columns = (
        *(Column("group", "Score", "text"), Column("model", "Model", "text"), Column("corpus", "Texts", "text")),
        *(Column("runs", "Runs", "count"), Column("mean", "mean", "change", "Gain"), Column("median", "median", "change", "Gain")),
        *(Column("deviation", "st. dev.", "score", "Gain"), Column("above", "above, %", "text")),
    )

    def line(group: str, model: str, corpus: str) -> Row:
        row = numbers[group][model]["corpora"][corpus]
        gain = map(points, (row["mean"], row["median"], row["deviation"]))
        return (GROUP_LABEL[group], model, corpus, row["runs"], *gain, percent(row["above"]))

    rows = ([line(group, model, corpus) for corpus in row["corpora"]] for group in ORDER for model, row in numbers[group].items())
    caption = "Gains at the best epoch over distinct runs (the repeats of a run averaged), in points, and share of runs above the unmodified rows of the same model and corpus."
    return Table("familiarity", "Gains by corpus, over runs", caption, columns, *blocks(rows))


def _pairs_table(numbers: dict[str, Any], sampling: Sampling) -> Table:
    columns = (
        *(Column("group", "Score", "text"), Column("model", "Model", "text"), Column("pair", "Texts", "text")),
        *(Column("delta", "Cliff's delta", "change"), Column("delta_interval", sampling.percent, "text")),
        *(Column("p", "p", "text"), Column("p_holm", "p (Holm)", "text")),
    )

    def line(group: str, model: str, name: str) -> Row:
        test = numbers[group][model]["pairs"][name]
        return (GROUP_LABEL[group], model, name, test["delta"], span(test, "delta", signed), p_cell(test["p"]), p_cell(test["p_holm"]))

    rows = [[line(group, model, name) for name in row["pairs"]] for group in ORDER for model, row in numbers[group].items()]
    caption = (
        "Pairs of corpora on gain, over distinct runs: Cliff's delta (chance that a run of the first gains more than one of the second, minus the reverse) with its "
        f"{sampling.percent} bootstrap interval over runs, and Mann-Whitney's p, as it is and after Holm's correction over these {sum(map(len, rows))} tests."
    )
    return Table("familiarity_pairs", "The corpora in pairs", caption, columns, *blocks(rows))
