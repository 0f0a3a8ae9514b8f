"""Claim 3, out-of-distribution text is most reliable: the corpora's gains compared."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.table import Cell, Column, Table
from gap.published.read import Published
from gap.published.rows import ORDER, SAME, corpora, gains, models, per_run, rows_of
from gap.published.section import Sampling, Section
from gap.published.wording import interval_of, listed, p_text, pair, percent, plain, signed, span
from gap.stats.bootstrap import Resamples, cliffs_delta_interval
from gap.stats.multiple_testing import holm
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
    numbers: dict[str, Any] = {}
    for group in ORDER:
        runs = _runs(data, group)
        numbers[group] = {model: _model(rows_of(runs, model), sampling, f"familiarity/{group}/{model}") for model in models(runs)}
    model_entries = [row for group in ORDER for row in numbers[group].values()]
    _adjust([row["kruskal"] for row in model_entries])
    _adjust([test for row in model_entries for test in row["pairs"].values()])
    numbers["leaders"] = {key: dict(Counter(row["leaders"][key] for row in model_entries)) for key in RANKED}
    sentences = [_sentence(group, numbers[group], sampling) for group in ORDER]
    sentences.append(_counts(numbers["leaders"], len(model_entries)))
    sentences.append(
        "The tests ask whether gains differ between texts of these corpora for the same released evaluation, not why. A small standard deviation alone is no merit: "
        "where most runs stayed at the unmodified model it is small because nothing happened. The corpora differ in more than familiarity "
        "(code against prose, characters per text), so a difference cannot be put down to familiarity."
    )
    tables = (_corpora_table(numbers), _pairs_table(numbers, sampling))
    return Section("familiarity", "The corpora compared (claim 3)", tuple(sentences), numbers, tables)


def _runs(data: Published, group: str) -> pd.DataFrame:
    """One row per run: ``gain`` and ``above`` (share of its repeats above the unmodified model), so that runs are independent."""
    frame = gains(data, group)
    return per_run(frame.assign(above=(frame["gain"] > SAME).astype(float)), ["gain", "above"])


def _model(runs: pd.DataFrame, sampling: Sampling, name: str) -> dict[str, Any]:
    parts = {corpus: runs[runs["corpus"] == corpus] for corpus in corpora(runs)}
    values = {corpus: part["gain"].to_numpy() for corpus, part in parts.items()}
    resamples = {corpus: sampling.resample(range(len(part)), f"{name}/{corpus}") for corpus, part in values.items()}
    model_numbers: dict[str, Any] = {"corpora": {}, "kruskal": _kruskal(list(values.values()))}
    for corpus, part in values.items():
        model_numbers["corpora"][corpus] = {
            "runs": len(part),
            "mean": float(part.mean()),
            "median": float(np.median(part)),
            "deviation": plain(part.std(ddof=1)) if len(part) > 1 else None,
            "above": float(parts[corpus]["above"].mean()),
        }
    model_numbers["leaders"] = {key: _leader(model_numbers["corpora"], key) for key in RANKED}
    pairs = combinations(values, 2)
    model_numbers["pairs"] = {
        f"{left} - {right}": _compare(values[left], values[right], resamples[left], resamples[right]) for left, right in pairs
    }
    return model_numbers


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


def _compare(first: np.ndarray, second: np.ndarray, first_resamples: Resamples, second_resamples: Resamples) -> dict[str, Any]:
    """Mann-Whitney (two-sided, normal approximation with tie correction) and Cliff's delta, positive where ``first`` gains more."""
    first, second = np.round(first, 9), np.round(second, 9)
    same = np.ptp(np.concatenate([first, second])) <= SAME
    p = 1.0 if same else float(stats.mannwhitneyu(first, second, method="asymptotic").pvalue)
    return {
        "delta": cliffs_delta(first, second),
        "delta_interval": pair(cliffs_delta_interval(first, second, first_resamples, second_resamples)),
        "p": p,
    }


def _adjust(tests: list[dict[str, Any]]) -> None:
    """Add Holm's adjusted p-value to each test of one family."""
    for test, adjusted in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p_holm"] = adjusted


def _sentence(group: str, by_model: dict[str, Any], sampling: Sampling) -> str:
    tests = listed(f"{p_text(row['kruskal']['p_holm'])} for {model}" for model, row in by_model.items())
    apart = []
    for model, row in by_model.items():
        significant = {name: test for name, test in row["pairs"].items() if test["p_holm"] < 1 - sampling.level}
        names = listed(f"{name} ({signed(test['delta'])})" for name, test in significant.items())
        apart.append(f"{model}: {names}")
    return (
        f"{GROUP_LABEL[group]}: Kruskal-Wallis over the corpora gives {tests} (Holm over all models and both scores). Pairs told apart by Mann-Whitney after Holm "
        f"over all pairs, models and both scores, with Cliff's delta (positive: the first gains more): {'; '.join(apart)}."
    )


def _counts(leaders: dict[str, dict[str, int]], total: int) -> str:
    """How often each corpus leads over all models and both scores."""
    parts = [f"{words} {listed(f'{corpus} {count}' for corpus, count in leaders[key].items())}" for key, (_, words) in RANKED.items()]
    return f"Of {total} combinations of model and score, by corpus (or tie): {'; '.join(parts)}."


def _corpora_table(numbers: dict[str, Any]) -> Table:
    columns = (
        *(
            Column("group", "Score", "text"),
            Column("model", "Model", "text"),
            Column("corpus", "Texts", "text"),
            Column("runs", "Runs", "count"),
        ),
        *(
            Column("mean", "mean", "change", "Gain"),
            Column("median", "median", "change", "Gain"),
            Column("deviation", "st. dev.", "score", "Gain"),
        ),
        Column("above", "above, %", "text"),
    )
    rows: list[tuple[Cell, ...]] = []
    breaks = set()
    for group in ORDER:
        for model, model_numbers in numbers[group].items():
            breaks.add(len(rows))
            for corpus, row in model_numbers["corpora"].items():
                spread = None if row["deviation"] is None else row["deviation"] * POINTS
                values = (row["mean"] * POINTS, row["median"] * POINTS, spread, percent(row["above"]))
                rows.append((GROUP_LABEL[group], model, corpus, row["runs"], *values))
    caption = "Gains at the best epoch over distinct runs (the repeats of a run averaged), in points, and share of runs above the unmodified rows of the same model and corpus."
    return Table("familiarity", "Gains by corpus, over runs", caption, columns, tuple(rows), frozenset(breaks - {0}))


def _pairs_table(numbers: dict[str, Any], sampling: Sampling) -> Table:
    columns = (
        *(Column("group", "Score", "text"), Column("model", "Model", "text"), Column("pair", "Texts", "text")),
        *(Column("delta", "Cliff's delta", "change"), Column("delta_interval", f"{sampling.level * 100:g} %", "text")),
        *(Column("p", "p", "text"), Column("p_holm", "p (Holm)", "text")),
    )
    rows: list[tuple[Cell, ...]] = []
    breaks = set()
    for group in ORDER:
        for model, model_numbers in numbers[group].items():
            breaks.add(len(rows))
            for name, test in model_numbers["pairs"].items():
                values = tuple(p_text(test[key]).removeprefix("p ").removeprefix("= ") for key in ("p", "p_holm"))
                rows.append((GROUP_LABEL[group], model, name, test["delta"], span(interval_of(test, "delta"), signed), *values))
    tests = sum(len(model_numbers["pairs"]) for group in ORDER for model_numbers in numbers[group].values())
    caption = (
        "Pairs of corpora on gain, over distinct runs: Cliff's delta (chance that a run of the first gains more than one of the second, minus the reverse) with its "
        f"{sampling.level * 100:g} % bootstrap interval over runs, and Mann-Whitney's p, as it is and after Holm's correction over these {tests} tests."
    )
    return Table("familiarity_pairs", "The corpora in pairs", caption, columns, tuple(rows), frozenset(breaks - {0}))
