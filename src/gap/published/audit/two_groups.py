"""Do the runs that gain in classification also gain in dialogue?"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.style import DOUBLE, GREY, colour, drawing, handle, legend_above, marker, save
from gap.figures.table import Cell, Column, Table
from gap.published.read import CORPORA, GROUPS, RUN, Published
from gap.published.rows import SAME, clusters, gains, models, per_run
from gap.published.section import Figure, FigureFile, Sampling, Section
from gap.published.wording import interval_of, listed, p_text, pair, plain, signed, span
from gap.stats.multiple_testing import holm

#: Share of the runs that counts as the top.
TOP = 0.1


def section(data: Published, sampling: Sampling) -> Section:
    """Runs matched over the files; per model Spearman's correlation of the gains and runs in the top ``TOP`` of both."""
    joined, unmatched = match(data)
    numbers: dict[str, Any] = {
        "matched": len(joined),
        "unmatched": unmatched,
        "models": {model: _model(joined[joined["model"] == model], model, sampling) for model in models(joined)},
    }
    adjusted = holm([row["p"] for row in numbers["models"].values()])
    for row, p in zip(numbers["models"].values(), adjusted, strict=True):
        row["p_holm"] = p
    numbers["both"] = sum(row["both"] for row in numbers["models"].values())
    numbers["expected"] = sum(row["expected"] for row in numbers["models"].values())
    title = "Gains in classification and in dialogue"
    figures = (Figure("published_two_groups", title, _caption(numbers), partial(_draw, joined, models(data.rows["classification"]))),)
    return Section("two_groups", title, _sentences(numbers, sampling), numbers, (_table(numbers, sampling),), figures)


def match(data: Published) -> tuple[pd.DataFrame, dict[str, int]]:
    """One row per run that is in both files: model, corpus, index and the gain in each group, repeats averaged.

    Also the number of runs that are in one file only, by group.
    """
    first, second = (per_run(gains(data, group), ["gain"]).rename(columns={"gain": group}) for group in GROUPS)
    joined = first.merge(second, on=[*RUN], how="outer", indicator=True, validate="one_to_one")
    sides = dict(zip(("left_only", "right_only"), GROUPS, strict=True))
    alone = {group: int((joined["_merge"] == side).sum()) for side, group in sides.items()}
    return joined[joined["_merge"] == "both"].drop(columns="_merge").reset_index(drop=True), alone


def _model(runs: pd.DataFrame, model: str, sampling: Sampling) -> dict[str, Any]:
    first, second = (runs[group].to_numpy() for group in GROUPS)
    interval = sampling.resample(clusters(runs), f"two_groups/{model}").spearman(first, second)
    within = {corpus: _rank_correlation(*(runs.loc[runs["corpus"] == corpus, group].to_numpy() for group in GROUPS)) for corpus in CORPORA}
    return {
        "runs": len(runs),
        "correlation": plain(_rank_correlation(first, second)),
        "correlation_interval": pair(interval),
        "by_corpus": {corpus: plain(value) for corpus, value in within.items()},
        **overlap(first, second),
    }


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation; NaN with fewer than three runs or where one side is constant."""
    if len(first) < 3 or np.ptp(first) <= SAME or np.ptp(second) <= SAME:
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


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
    parts = []
    for model, row in numbers["models"].items():
        low, high = interval_of(row, "correlation")
        verdict = "above zero" if low > 0 else "below zero" if high < 0 else "not told apart from zero"
        value = "undefined" if row["correlation"] is None else signed(row["correlation"])
        text = span(interval_of(row, "correlation"), signed)
        parts.append(
            f"{value} for {model} ({sampling.level * 100:g} % interval {text}, {verdict})" if text else f"{value} for {model} (no interval)"
        )
    tops = [
        f"{row['both']} of {row['runs']} for {model} ({row['expected']:.1f} by chance, {p_text(row['p_holm'])})"
        for model, row in numbers["models"].items()
    ]
    largest = max((abs(row["correlation"]) for row in numbers["models"].values() if row["correlation"] is not None), default=float("nan"))
    squared = f" The largest of them explains {largest**2 * 100:.0f} % of the variance of the ranks." if largest == largest else ""
    return (
        matched,
        f"Spearman's rank correlation of a run's gain in classification with its gain in dialogue is {listed(parts)}.{squared}{_within(numbers)}",
        f"Runs in the top {TOP * 100:g} % of both, against the number expected if the two were unrelated (hypergeometric, one-sided, Holm's "
        f"correction for {len(tops)} models): {listed(tops)}.",
        "The two gains of a run come from epochs chosen separately, so even a run in both tops need not be one model that is better at both. Noise in "
        "either gain pulls the correlation towards zero, so a weak one does not show that the effects are unrelated.",
    )


def _within(numbers: dict[str, Any]) -> str:
    """The correlations among the runs of one model and corpus, which differences between the corpora do not make."""
    known = [value for row in numbers["models"].values() for value in row["by_corpus"].values() if value is not None]
    return f" Among the runs of one model on one corpus it lies between {signed(min(known))} and {signed(max(known))}." if known else ""


def _table(numbers: dict[str, Any], sampling: Sampling) -> Table:
    columns = (
        *(Column("model", "Model", "text"), Column("runs", "Runs", "count")),
        *(Column("correlation", "all", "change", "Spearman"), Column("interval", f"{sampling.level * 100:g} %", "text", "Spearman")),
        *(Column(f"correlation_{corpus}", corpus, "change", "Spearman") for corpus in CORPORA),
        *(
            Column("top", "sizes", "text", "Top"),
            Column("both", "in both", "count", "Top"),
            Column("expected", "by chance", "score", "Top"),
        ),
        Column("p", "p", "text", "Top"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            *(model, row["runs"], row["correlation"], span(interval_of(row, "correlation"), signed), *row["by_corpus"].values()),
            *(", ".join(map(str, row["top"])), row["both"], row["expected"], f"{row['p_holm']:.3f}"),
        )
        for model, row in numbers["models"].items()
    )
    caption = (
        f"Rank correlation of the gains in {' and '.join(GROUPS)} over runs, of all texts and by corpus, and runs in the top {TOP * 100:g} % of both "
        "(sizes with ties; number expected by chance; hypergeometric p of at least as many, Holm's correction)."
    )
    return Table("published_two_groups", "Gains in classification and in dialogue", caption, columns, rows)


def _caption(numbers: dict[str, Any]) -> str:
    counts = listed(f"{row['runs']} ({model})" for model, row in numbers["models"].items())
    return (
        "Dots: runs, at their best epoch for each group; gains against the unmodified model of the same model and corpus (baseline 0 on both axes). "
        f"n = {counts} runs that are in both files, repeats averaged."
    )


def _draw(joined: pd.DataFrame, order: list[str], file: FigureFile) -> None:
    across, up = GROUPS
    handles = [handle(corpus, index) for index, corpus in enumerate(CORPORA)]
    with drawing(file.stamp, DOUBLE, 2.5, 1, len(order), sharex=True, sharey=True) as (figure, [line]):
        for axes, model in zip(line, order, strict=True):
            for index, corpus in enumerate(CORPORA):
                runs = joined[(joined["model"] == model) & (joined["corpus"] == corpus)]
                x, y = runs[across] * POINTS, runs[up] * POINTS
                axes.scatter(x, y, s=8, marker=marker(index), color=colour(index), alpha=0.6, linewidths=0, clip_on=False)
            axes.axhline(0, color=GREY, linewidth=0.6, linestyle="--", zorder=1)
            axes.axvline(0, color=GREY, linewidth=0.6, linestyle="--", zorder=1)
            axes.set_title(model)
            axes.set_xlabel(f"gain in {AXIS_LABEL[across].split()[-1]}, points")
        line[0].set_ylabel(f"gain in {AXIS_LABEL[up]}, points")
        legend_above(figure, handles, len(handles))
        save(figure, file.folder, file.name)
