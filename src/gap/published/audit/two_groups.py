"""Do the runs that gain in classification also gain in dialogue?"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.style import DOUBLE, GREY, colour, legend_above, marker
from gap.figures.table import Column, Table
from gap.published.drawings import corpus_handles
from gap.published.estimates import adjust, interval_of, pair, plain, spearman
from gap.published.names import CORPORA, GROUPS, RUN
from gap.published.read import Published
from gap.published.rows import SAME, clusters, matched_gains, models, rows_of
from gap.published.section import Figure, FigureFile, Sampling, Section
from gap.published.wording import each, listed, p_text, signed, span

TITLE = "Gains in classification and in dialogue"
#: Share of the runs that counts as the top.
TOP = 0.1


def section(data: Published, sampling: Sampling) -> Section:
    """Runs matched over the files; per model Spearman's correlation of the gains and runs in the top ``TOP`` of both."""
    joined, unmatched = matched_gains(data)
    by_model = {model: _model(runs, model, sampling) for model, runs in models(joined).items()}
    adjust(by_model.values())
    numbers: dict[str, Any] = {
        "matched": len(joined),
        "unmatched": unmatched,
        "models": by_model,
        "both": sum(row["both"] for row in by_model.values()),
        "expected": sum(row["expected"] for row in by_model.values()),
    }
    draw = partial(_draw, list(models(data.rows["classification"])))
    figures = (Figure("published_two_groups", TITLE, _caption(numbers), _points(joined), draw),)
    return Section("two_groups", TITLE, _sentences(numbers, sampling), numbers, (_table(numbers, sampling),), figures)


def _model(runs: pd.DataFrame, model: str, sampling: Sampling) -> dict[str, Any]:
    first, second = _gains(runs)
    interval = sampling.resample(clusters(runs), f"two_groups/{model}").spearman(first, second)
    return {
        "runs": len(runs),
        "correlation": plain(spearman(first, second)[0]),
        "correlation_interval": pair(interval),
        "by_corpus": {corpus: plain(spearman(*_gains(runs[runs["corpus"] == corpus]))[0]) for corpus in CORPORA},
        **overlap(first, second),
    }


def _gains(runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Gains in classification and in dialogue, [runs] each; equal up to rounding are ties."""
    return runs["classification"].to_numpy().round(9), runs["dialogue"].to_numpy().round(9)


def overlap(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Runs in the top ``TOP`` of both gains [runs], beside what chance expects.

    The top of a group are the runs that gain at least as much as its k-th best, k = ``TOP`` of the runs rounded up, so
    ties can make it larger.  Were the groups unrelated, the overlap would be hypergeometric; ``p`` is the probability
    of at least the overlap found, ``p_less`` of at most it.
    """
    count = len(first)
    size = int(np.ceil(TOP * count - SAME))
    tops = [values >= np.sort(values)[count - size] - SAME for values in (first, second)]
    sizes, in_both = [int(top.sum()) for top in tops], int((tops[0] & tops[1]).sum())
    chance = stats.hypergeom(count, *sizes)
    return {
        "top": sizes,
        "both": in_both,
        "expected": sizes[0] * sizes[1] / count,
        "p": float(chance.sf(in_both - 1)),
        "p_less": float(chance.cdf(in_both)),
    }


def _sentences(numbers: dict[str, Any], sampling: Sampling) -> tuple[str, ...]:
    alone = listed(f"{count} only in {group}" for group, count in numbers["unmatched"].items())
    matched = f"{numbers['matched']} runs (model, corpus, text) are in both files, {alone}; the repeats of a run are averaged in each file."
    if not numbers["models"]:
        return (matched,)
    by_model = numbers["models"]
    parts = [_correlation(model, row, sampling) for model, row in by_model.items()]
    tops = [
        f"{row['both']} of {row['runs']} for {model} ({row['expected']:.1f} by chance, {p_text(row['p_holm'])})"
        for model, row in by_model.items()
    ]
    # differences between the corpora do not make these
    single = [value for row in by_model.values() for value in row["by_corpus"].values() if value is not None]
    within = (
        f" Among the runs of one model on one corpus it lies between {signed(min(single))} and {signed(max(single))}." if single else ""
    )
    return (
        f"Spearman's rank correlation of a run's gain in classification with its gain in dialogue is {listed(parts)}.{within} {matched}",
        f"Runs in the top {TOP * 100:g} % of both, against chance (hypergeometric, Holm): {listed(tops)}. Epochs are chosen separately in each group, and noise pulls "
        "a correlation towards zero.",
    )


def _correlation(model: str, row: dict[str, Any], sampling: Sampling) -> str:
    low, high = interval_of(row, "correlation")
    verdict = ", above zero" if low > 0 else ", below zero" if high < 0 else ", not told apart from zero" if low == low else ""
    value = "undefined" if row["correlation"] is None else signed(row["correlation"])
    return f"{value} for {model} ({sampling.within(row, 'correlation', signed)}{verdict})"


def _table(numbers: dict[str, Any], sampling: Sampling) -> Table:
    columns = (
        *(Column("model", "Model", "text"), Column("runs", "Runs", "count")),
        *(Column("correlation", "all", "change", "Spearman"), Column("interval", sampling.percent, "text", "Spearman")),
        *(Column(f"correlation_{corpus}", corpus, "change", "Spearman") for corpus in CORPORA),
        *(Column("top", "sizes", "text", "Top"), Column("both", "in both", "count", "Top")),
        *(Column("expected", "by chance", "score", "Top"), Column("p", "p", "text", "Top")),
    )
    rows = tuple(
        (
            *(model, row["runs"], row["correlation"], span(row, "correlation", signed), *row["by_corpus"].values()),
            *(", ".join(map(str, row["top"])), row["both"], row["expected"], f"{row['p_holm']:.3f}"),
        )
        for model, row in numbers["models"].items()
    )
    caption = (
        f"Rank correlation of the gains in {' and '.join(GROUPS)} over runs, of all texts and by corpus, and runs in the top {TOP * 100:g} % of both "
        "(sizes with ties; number expected by chance; hypergeometric p of at least as many, Holm's correction)."
    )
    return Table("published_two_groups", TITLE, caption, columns, rows)


def _caption(numbers: dict[str, Any]) -> str:
    counts = each(numbers["models"], lambda row: str(row["runs"]))
    return (
        "Dots: runs, at their best epoch for each group; gains against the unmodified model of the same model and corpus (baseline 0 on both axes). "
        f"n = {counts} runs that are in both files, repeats averaged."
    )


def _points(joined: pd.DataFrame) -> pd.DataFrame:
    """Both gains of each run in points."""
    runs = joined[[*RUN, *GROUPS]].rename(columns={"index": "text"})
    return runs.assign(**{group: runs[group] * POINTS for group in GROUPS})


def _draw(order: list[str], file: FigureFile) -> None:
    across, up = GROUPS
    with file.drawing(DOUBLE, 2.5, 1, len(order), sharex=True, sharey=True) as (figure, [line]):
        for axes, model in zip(line, order, strict=True):
            for index, corpus in enumerate(CORPORA):
                runs = rows_of(file.points, model, corpus)
                axes.scatter(runs[across], runs[up], s=8, marker=marker(index), color=colour(index), alpha=0.6, linewidths=0, clip_on=False)
            axes.axhline(0, color=GREY, linewidth=0.6, linestyle="--", zorder=1)
            axes.axvline(0, color=GREY, linewidth=0.6, linestyle="--", zorder=1)
            axes.set_title(f"OPT {model}")
            axes.set_xlabel(f"gain in {AXIS_LABEL[across].split()[-1]}, points")
        line[0].set_ylabel(f"gain in {AXIS_LABEL[up]}, points")
        legend_above(figure, corpus_handles(), len(CORPORA))
