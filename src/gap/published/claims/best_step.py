"""Claim 4, at most 15 updates are enough: where the best step lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from gap.figures.labels import GROUP_LABEL
from gap.figures.points import where
from gap.figures.style import DOUBLE, colour, legend_above
from gap.figures.table import Column, Table
from gap.published.estimates import share_of_runs
from gap.published.names import CORPORA
from gap.published.read import Published
from gap.published.rows import ALL, FIRST_REAL, LAST_EPOCH, ORDER, PATIENCE, STOP_FROM, by_epoch, models, real_updates
from gap.published.section import Figure, FigureFile, Row, Sampling, Section, blocks
from gap.published.wording import baselines_and_rows, percent, span

#: Most updates of a run.
LIMIT = LAST_EPOCH + 1
#: The last printed epoch without a real update.
LAST_UNMODIFIED = FIRST_REAL - 1
QUANTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
STATISTICS = (*QUANTILES, "largest")


def section(data: Published, sampling: Sampling) -> Section:
    """Per group and model (and all): rows per best epoch, share at 0, quantiles and largest, printed and real."""
    numbers: dict[str, Any] = {}
    for group in ORDER:
        frame = data.rows[group]
        by_model = {model: _model(rows, sampling) for model, rows in (models(frame) | {ALL: frame}).items()}
        numbers[group] = {"models": by_model}
    sentences = [_sentence(group, numbers[group]["models"][ALL], sampling) for group in ORDER]
    sentences.append(
        f"From epoch {STOP_FROM} on a run stopped after {PATIENCE} epochs, not always in a row, in which neither average reached its maximum so far: the fall to the right is "
        "partly that rule's, and what a stopped run would have reached later is unknown."
    )
    figures = (Figure("best_step", "Best epoch of every released row", _caption(data), _points(data), _draw),)
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


def _table(numbers: dict[str, Any], sampling: Sampling) -> Table:
    columns = (
        *(Column("group", "Score", "text"), Column("model", "Model", "text"), Column("rows", "Rows", "count")),
        *(Column("unmodified", "at 0", "count"), Column("share", "%", "text"), Column("share_interval", sampling.percent, "text")),
        *(Column(f"printed_{key}", key, "text", "Printed epoch") for key in STATISTICS),
        *(Column(f"real_{key}", key, "text", "Real updates") for key in STATISTICS),
    )
    rows = ([_line(group, model, summary) for model, summary in numbers[group]["models"].items()] for group in ORDER)
    caption = (
        f"Best epochs of the released rows. At 0: rows whose best is the unmodified model, with Wilson's {sampling.percent} interval over runs. Quantiles and largest: of the other rows, "
        f"in printed epochs and real updates (the printed epoch minus {LAST_UNMODIFIED}; see Best epoch 1)."
    )
    return Table("best_step", "Where the best step lies", caption, columns, *blocks(rows))


def _line(group: str, model: str, summary: dict[str, Any]) -> Row:
    share = (percent(summary["unmodified_share"]), span(summary, "unmodified_share", percent))
    values = [summary[kind][key] for kind in ("printed", "real") for key in STATISTICS]
    shown = ["" if value is None else f"{value:g}" for value in values]
    return (GROUP_LABEL[group], model, summary["rows"], summary["unmodified"], *share, *shown)


def _caption(data: Published) -> str:
    return f"Rows by best epoch as printed; 0 is the unmodified model. Unmodified, in points: {baselines_and_rows(data)}."


def _points(data: Published) -> pd.DataFrame:
    """Rows by group, model, corpus and best epoch, those without any too."""
    last = max(int(data.rows[group]["epoch"].max()) for group in ORDER)
    counts = [
        (group, model, corpus, epoch, rows)
        for group in ORDER
        for model, frame in models(data.rows[group]).items()
        for corpus in CORPORA
        for epoch, rows in enumerate(np.bincount(frame.loc[frame["corpus"] == corpus, "epoch"], minlength=last + 1))
    ]
    return pd.DataFrame(counts, columns=["group", "model", "corpus", "epoch", "rows"])


def _draw(file: FigureFile) -> None:
    names = models(file.points)
    with file.drawing(DOUBLE, 3.6, len(ORDER), len(names), sharex=True, sharey="row") as (figure, grid):
        for group, line in zip(ORDER, grid, strict=True):
            for rows, axes in zip(models(where(file.points, group=group)).values(), line, strict=True):
                _panel(axes, rows)
            line[0].set_ylabel(f"{GROUP_LABEL[group].lower()}, rows")
        for model, axes in zip(names, grid[0], strict=True):
            axes.set_title(f"OPT {model}")
        for axes in grid[-1]:
            axes.set_xlabel("best epoch, as printed")
        handles: Any = [Patch(color=colour(index), label=corpus) for index, corpus in enumerate(CORPORA)]
        legend_above(figure, handles, len(handles))


def _panel(axes: Axes, points: pd.DataFrame) -> None:
    """Bars of rows per epoch, corpora stacked."""
    epochs = range(int(points["epoch"].max()) + 1)
    floor = np.zeros(len(epochs))
    for index, corpus in enumerate(CORPORA):
        heights = where(points, corpus=corpus)["rows"].to_numpy(float)
        axes.bar(epochs, heights, bottom=floor, color=colour(index), width=0.8, edgecolor="white", linewidth=0.4)
        floor = floor + heights
    axes.set_xticks(epochs[::2])
    axes.grid(axis="y")
    axes.set_axisbelow(True)
