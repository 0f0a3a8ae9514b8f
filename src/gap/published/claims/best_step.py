"""Claim 4, at most 15 updates are enough: where the best step lies, and what says that the first updates were skipped."""

from __future__ import annotations

from functools import partial
from math import log10
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from gap.figures.labels import GROUP_LABEL
from gap.figures.style import DOUBLE, colour, legend_above
from gap.figures.table import Column, Table
from gap.published.estimates import plain, share_of_runs
from gap.published.read import CORPORA, RUN, Published
from gap.published.rows import ALL, FIRST_REAL, LAST_EPOCH, ORDER, PATIENCE, STOP_FROM, by_epoch, models, real_updates
from gap.published.section import Figure, FigureFile, Row, Sampling, Section, blocks
from gap.published.wording import baselines_and_rows, percent, span

#: Most updates of a run.
LIMIT = LAST_EPOCH + 1
#: The last epoch without a real update, which never occurs as the best.
SKIPPED = FIRST_REAL - 1
QUANTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
STATISTICS = (*QUANTILES, "largest")


def section(data: Published, sampling: Sampling) -> Section:
    """Per group and model (and all): rows per best epoch, share at 0, quantiles and largest, printed and real; skipped-update evidence."""
    numbers: dict[str, Any] = {}
    for group in ORDER:
        frame = data.rows[group]
        by_model = {model: _model(rows, sampling) for model, rows in (models(frame) | {ALL: frame}).items()}
        numbers[group] = {"models": by_model, "skipped": _skipped(frame, sampling)}
    sentences = [_sentence(group, numbers[group]["models"][ALL], sampling) for group in ORDER]
    sentences += [_evidence(group, numbers[group]["skipped"], sampling) for group in ORDER]
    if all(not numbers[group]["skipped"]["rows_at_skipped"] for group in ORDER):
        sentences.append(_consequence(numbers))
    sentences.append(
        f"From epoch {STOP_FROM} on a run stopped when neither average had reached its maximum for {PATIENCE} epochs, so late epochs were "
        "evaluated in fewer runs, by a number that the files do not hold. The fall to the right is partly that rule's, and what a stopped run "
        "would have reached later is unknown."
    )
    figures = (Figure("best_step", "Best epoch of every released row", _caption(data), partial(_draw, data)),)
    return Section("best_step", "Where the best step lies (claim 4)", tuple(sentences), numbers, (_table(numbers, sampling),), figures)


def _model(rows: pd.DataFrame, sampling: Sampling) -> dict[str, Any]:
    epochs = rows["epoch"].to_numpy()
    changed = epochs[epochs > 0]
    return {
        "rows": len(rows),
        "counts": by_epoch(rows, int(epochs.max())),
        "unmodified": int((epochs == 0).sum()),
        **share_of_runs("unmodified_share", rows, epochs == 0, sampling.level),
        "printed": _spread(changed),
        "real": _spread(np.array([real_updates(int(epoch)) for epoch in changed])),
    }


def _spread(epochs: np.ndarray) -> dict[str, Any]:
    """Quantiles and largest of ``epochs`` [n]; None where there are none."""
    quantiles = {key: float(np.quantile(epochs, at, method="inverted_cdf")) if len(epochs) else None for key, at in QUANTILES.items()}
    return {**quantiles, "largest": int(epochs.max()) if len(epochs) else None}


def _skipped(frame: pd.DataFrame, sampling: Sampling) -> dict[str, Any]:
    """How improbable it is that no row has the skipped epoch, counted over distinct runs that have a modified best epoch."""
    changed = frame[frame["epoch"] > 0]
    runs = changed.drop_duplicates([*RUN])
    n, largest = len(runs), int(changed["epoch"].max()) if len(changed) else 0
    first = int((runs["epoch"] == FIRST_REAL).sum())
    upper = 1 - (1 - sampling.level) ** (1 / n) if n else float("nan")
    return {
        "rows_at_skipped": int((frame["epoch"] == SKIPPED).sum()),
        "runs": n,
        "runs_at_first": first,
        "share_at_first": first / n if n else None,
        "largest": largest,
        "log10_p_uniform": n * log10(1 - 1 / largest) if largest > 1 else None,
        "log10_p_neighbour": first * log10(0.5),
        "upper_limit": plain(upper),
    }


def _sentence(group: str, summary: dict[str, Any], sampling: Sampling) -> str:
    printed, real = summary["printed"], summary["real"]
    start = (
        f"{GROUP_LABEL[group]}: the best epoch of {summary['unmodified']} of {summary['rows']} rows is 0, the unmodified model "
        f"({percent(summary['unmodified_share'])} %; {sampling.within(summary, 'unmodified_share', percent)})."
    )
    if printed["largest"] is None:
        return start
    return (
        f"{start} Of the others the median best epoch is {printed['median']:g} as printed ({real['median']:g} real updates), "
        f"{QUANTILES['q95'] * 100:g} % lie at or below {printed['q95']:g} ({real['q95']:g}), and the largest is {printed['largest']} ({real['largest']}); "
        f"the limit was {LIMIT}."
    )


def _evidence(group: str, skipped: dict[str, Any], sampling: Sampling) -> str:
    start = f"{GROUP_LABEL[group]}: {skipped['rows_at_skipped']} rows have best epoch {SKIPPED}"
    if skipped["rows_at_skipped"] or not skipped["runs"] or skipped["log10_p_uniform"] is None:
        return f"{start}."
    return (
        f"{start}, although {skipped['runs_at_first']} of {skipped['runs']} runs that changed (one row each) have best epoch {FIRST_REAL}. If a best epoch were equally "
        f"likely to be {SKIPPED} or {FIRST_REAL}, none at {SKIPPED} would have probability {10 ** skipped['log10_p_neighbour']:.0e}; if every epoch from {SKIPPED} "
        f"to {skipped['largest']} were equally likely, {10 ** skipped['log10_p_uniform']:.0e}. Without either assumption, the {sampling.percent} upper limit on "
        f"the share of epoch {SKIPPED} is {percent(skipped['upper_limit'])} %, against {percent(skipped['share_at_first'])} % at epoch {FIRST_REAL}. "
        "Runs are taken as independent; the two scores come from the same runs, so their probabilities must not be multiplied."
    )


def _consequence(numbers: dict[str, Any]) -> str:
    """What the missing epoch suggests, and what it cannot prove."""
    printed = max(numbers[group]["models"][ALL]["printed"]["largest"] or 0 for group in ORDER)
    return (
        f"That is what skipped updates leave behind: if the model at epoch {SKIPPED} still is the unmodified one, the two tie and the earlier "
        f"is kept. A dynamic fp16 loss scaler whose first steps overflow does this, and the count of real updates is then the printed epoch minus {SKIPPED}: "
        f"at most {real_updates(printed)} for the latest best epoch. The files hold best epochs only, so they cannot show the skipped "
        f"steps themselves, nor exclude that epoch {SKIPPED} was evaluated and always worse."
    )


def _table(numbers: dict[str, Any], sampling: Sampling) -> Table:
    columns = (
        *(Column("group", "Score", "text"), Column("model", "Model", "text"), Column("rows", "Rows", "count")),
        *(Column("unmodified", "at 0", "count"), Column("share", "%", "text"), Column("share_interval", sampling.percent, "text")),
        *(Column(f"printed_{key}", key, "text", "Printed epoch") for key in STATISTICS),
        *(Column(f"real_{key}", key, "text", "Real updates") for key in STATISTICS),
    )
    rows = ([_line(group, model, summary) for model, summary in numbers[group]["models"].items()] for group in ORDER)
    caption = (
        "Best epochs of the released rows. At 0: rows whose best is the unmodified model, and the share of rows, with an interval that is Wilson's over runs, of which each counts once, by the mean of its rows. Quantiles and largest are over the other "
        f"rows, in printed epochs and in real updates (the printed epoch minus {SKIPPED}). q25, q75, q95: quantiles."
    )
    return Table("best_step", "Where the best step lies", caption, columns, *blocks(rows))


def _line(group: str, model: str, summary: dict[str, Any]) -> Row:
    share = (percent(summary["unmodified_share"]), span(summary, "unmodified_share", percent))
    values = [summary[kind][key] for kind in ("printed", "real") for key in STATISTICS]
    shown = ["" if value is None else f"{value:g}" for value in values]
    return (GROUP_LABEL[group], model, summary["rows"], summary["unmodified"], *share, *shown)


def _caption(data: Published) -> str:
    return (
        f"Rows by best epoch as printed; 0 is the unmodified model. Real updates are the printed epoch minus {SKIPPED}. "
        f"Early stopping from epoch {STOP_FROM} on thins the right end. Unmodified, in points: {baselines_and_rows(data)}."
    )


def _draw(data: Published, file: FigureFile) -> None:
    last = max(int(data.rows[group]["epoch"].max()) for group in ORDER)
    names = models(data.rows[ORDER[0]])
    with file.drawing(DOUBLE, 3.6, len(ORDER), len(names), sharex=True, sharey="row") as (figure, grid):
        for group, line in zip(ORDER, grid, strict=True):
            for rows, axes in zip(models(data.rows[group]).values(), line, strict=True):
                _panel(axes, rows, last)
            line[0].set_ylabel(f"{GROUP_LABEL[group].lower()}, rows")
        for model, axes in zip(names, grid[0], strict=True):
            axes.set_title(f"OPT {model}")
        for axes in grid[-1]:
            axes.set_xlabel("best epoch, as printed")
        handles: Any = [Patch(color=colour(index), label=corpus) for index, corpus in enumerate(CORPORA)]
        legend_above(figure, handles, len(handles))


def _panel(axes: Axes, rows: pd.DataFrame, last: int) -> None:
    """Bars of rows per epoch, corpora stacked."""
    floor = np.zeros(last + 1)
    for index, corpus in enumerate(CORPORA):
        heights = np.bincount(rows.loc[rows["corpus"] == corpus, "epoch"], minlength=last + 1).astype(float)
        axes.bar(range(last + 1), heights, bottom=floor, color=colour(index), width=0.8, edgecolor="white", linewidth=0.4)
        floor = floor + heights
    axes.set_xticks(range(0, last + 1, 2))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
