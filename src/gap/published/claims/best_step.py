"""Claim 4, at most 15 updates are enough: where the best step lies, and what says that the first updates were skipped."""

from __future__ import annotations

from functools import partial
from math import log10
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gap.figures.labels import GROUP_LABEL
from gap.figures.style import DOUBLE, colour, drawing, legend_above, save
from gap.figures.table import Cell, Column, Table
from gap.published.read import CORPORA, Published
from gap.published.rows import ALL, ORDER, baseline, models, rows_of, share_of_runs
from gap.published.section import Figure, FigureFile, Sampling, Section
from gap.published.wording import interval_of, listed, pair, percent, plain, score, span, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: The protocol: most updates of a run; the epoch from which it may stop early, and how many epochs without a maximum it waits.
LIMIT, STOP_FROM, PATIENCE = 15, 5, 2
#: The epoch that never occurs, and the first that does.
SKIPPED, FIRST = 1, 2
RIGHT_END = (
    f"From epoch {STOP_FROM} on a run stopped when neither average had reached its maximum for {PATIENCE} epochs, so late epochs were "
    "evaluated in fewer runs, by a number that the files do not hold. The fall to the right is partly that rule's, and what a stopped run "
    "would have reached later is unknown."
)
QUANTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def real_updates(epoch: int) -> int:
    """Updates that changed the model by printed epoch: none at 0 and 1, then one less than the epoch."""
    return max(0, epoch - SKIPPED)


def section(data: Published, sampling: Sampling) -> Section:
    """Per group and model (and all): rows per best epoch, share at 0, quantiles and largest, printed and real; skipped-update evidence."""
    numbers: dict[str, Any] = {}
    for group in ORDER:
        frame = data.rows[group]
        by_model = {model: _model(rows_of(frame, model), sampling) for model in models(frame)}
        numbers[group] = {"models": {**by_model, ALL: _model(frame, sampling)}, "skipped": _skipped(frame, sampling)}
    sentences = [_sentence(group, numbers[group]["models"][ALL], sampling) for group in ORDER]
    sentences += [_evidence(group, numbers[group]["skipped"], sampling) for group in ORDER]
    if all(not numbers[group]["skipped"]["rows_at_skipped"] for group in ORDER):
        sentences.append(_consequence(numbers))
    sentences.append(RIGHT_END)
    figures = (Figure("best_step", "Best epoch of every released row", _caption(data, numbers), partial(_draw, data, numbers)),)
    return Section("best_step", "Where the best step lies (claim 4)", tuple(sentences), numbers, (_table(numbers, sampling),), figures)


def _model(rows: pd.DataFrame, sampling: Sampling) -> dict[str, Any]:
    epochs = rows["epoch"].to_numpy()
    zero, zero_interval = share_of_runs(rows, epochs == 0, sampling.level)
    changed = epochs[epochs > 0]
    real = np.array([real_updates(int(epoch)) for epoch in changed])
    summary: dict[str, Any] = {
        "rows": len(rows),
        "counts": {str(epoch): int((epochs == epoch).sum()) for epoch in range(int(epochs.max()) + 1)},
        "unmodified": int((epochs == 0).sum()),
        "unmodified_share": zero,
        "unmodified_share_interval": pair(zero_interval),
    }
    for name, values in (("printed", changed), ("real", real)):
        quantiles = {key: float(np.quantile(values, at, method="inverted_cdf")) if len(values) else None for key, at in QUANTILES.items()}
        summary[name] = {**quantiles, "largest": int(values.max()) if len(values) else None}
    return summary


def _skipped(frame: pd.DataFrame, sampling: Sampling) -> dict[str, Any]:
    """How improbable it is that no row has the skipped epoch, counted over distinct runs that have a modified best epoch."""
    changed = frame[frame["epoch"] > 0]
    runs = changed.drop_duplicates(["model", "corpus", "index"])
    n, largest = len(runs), int(changed["epoch"].max()) if len(changed) else 0
    first = int((runs["epoch"] == FIRST).sum())
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
        f"({percent(summary['unmodified_share'])} %; {within(interval_of(summary, 'unmodified_share'), percent, sampling.level)})."
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
        f"{start}, although {skipped['runs_at_first']} of {skipped['runs']} runs that changed (one row each) have best epoch {FIRST}. If a best epoch were equally "
        f"likely to be {SKIPPED} or {FIRST}, none at {SKIPPED} would have probability {10 ** skipped['log10_p_neighbour']:.0e}; if every epoch from {SKIPPED} "
        f"to {skipped['largest']} were equally likely, {10 ** skipped['log10_p_uniform']:.0e}. Without either assumption, the {sampling.level * 100:g} % upper limit on "
        f"the share of epoch {SKIPPED} is {percent(skipped['upper_limit'])} %, against {percent(skipped['share_at_first'])} % at epoch {FIRST}. "
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
        *(
            Column("unmodified", "at 0", "count"),
            Column("share", "%", "text"),
            Column("share_interval", f"{sampling.level * 100:g} %", "text"),
        ),
        *(Column(f"printed_{key}", key, "text", "Printed epoch") for key in (*QUANTILES, "largest")),
        *(Column(f"real_{key}", key, "text", "Real updates") for key in (*QUANTILES, "largest")),
    )
    rows: list[tuple[Cell, ...]] = []
    breaks = set()
    for group in ORDER:
        breaks.add(len(rows))
        for model, summary in numbers[group]["models"].items():
            share = (percent(summary["unmodified_share"]), span(interval_of(summary, "unmodified_share"), percent))
            values = [summary[kind][key] for kind in ("printed", "real") for key in (*QUANTILES, "largest")]
            shown = ["" if value is None else f"{value:g}" for value in values]
            rows.append((GROUP_LABEL[group], model, summary["rows"], summary["unmodified"], *share, *shown))
    caption = (
        "Best epochs of the released rows. At 0: rows whose best is the unmodified model, with Wilson's interval over runs. Quantiles and largest are over the other "
        f"rows, in printed epochs and in real updates (the printed epoch minus {SKIPPED}). q25, q75, q95: quantiles."
    )
    return Table("best_step", "Where the best step lies", caption, columns, tuple(rows), frozenset(breaks - {0}))


def _caption(data: Published, numbers: dict[str, Any]) -> str:
    parts = []
    for group in ORDER:
        by_model = {model: row for model, row in numbers[group]["models"].items() if model != ALL}
        shown = (f"{score(baseline(data, group, model))} ({model}, n = {row['rows']})" for model, row in by_model.items())
        parts.append(f"{group} {listed(shown)}")
    return (
        f"Rows by best epoch as printed; 0 is the unmodified model. Real updates are the printed epoch minus {SKIPPED}. "
        f"Early stopping from epoch {STOP_FROM} on thins the right end. Unmodified, in points: {'; '.join(parts)}."
    )


def _draw(data: Published, numbers: dict[str, Any], file: FigureFile) -> None:
    from matplotlib.patches import Patch

    last = max(int(data.rows[group]["epoch"].max()) for group in ORDER)
    names = models(data.rows[ORDER[0]])
    with drawing(file.stamp, DOUBLE, 3.6, len(ORDER), len(names), sharex=True, sharey="row") as (figure, grid):
        for group, line in zip(ORDER, grid, strict=True):
            for model, axes in zip(names, line, strict=True):
                _panel(axes, rows_of(data.rows[group], model), last)
            line[0].set_ylabel(f"{GROUP_LABEL[group].lower()}, rows")
        for model, axes in zip(names, grid[0], strict=True):
            axes.set_title(f"OPT {model}")
        for axes in grid[-1]:
            axes.set_xlabel("best epoch, as printed")
        handles: Any = [Patch(color=colour(index), label=corpus) for index, corpus in enumerate(CORPORA)]
        legend_above(figure, handles, len(handles))
        save(figure, file.folder, file.name)


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
