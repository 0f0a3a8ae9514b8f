"""Figures of the check on selection; see ``selection`` for the numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from gap.figures.labels import POINTS
from gap.figures.points import where
from gap.figures.style import DOUBLE, GREY, colour, handle, legend_above
from gap.published.audit.null import INDEPENDENT, Runs
from gap.published.drawings import cumulative, cumulative_points
from gap.published.estimates import interval_of
from gap.published.rows import models, rows_of
from gap.published.section import Figure, FigureFile
from gap.published.wording import each, listed

#: Flip rates whose distributions are drawn, with their lines.
DRAWN = {"0.002": "--", "0.01": "-.", INDEPENDENT: ":"}
#: Kinds of points.
PUBLISHED, FIRST_UPDATE = "published", "first update"
QUANTITIES = ("mean", "largest")


def figures(numbers: dict[str, Any], frame: pd.DataFrame, simulated: dict[str, dict[str, dict[str, Runs]]]) -> tuple[Figure, Figure]:
    """Distributions of the published and the simulated gains, and the null's curves."""
    rows = each(numbers["models"], lambda row: str(row["observed"]["rows"]))
    runs = each(numbers["models"], lambda row: str(row["observed"]["runs"]))
    shares = listed(f"{float(label) * 100:g} %" for label in DRAWN if label != INDEPENDENT)
    distributions = (
        f"Share of runs with at most the classification gain shown, against the unmodified model (baseline 0): published, n = {rows} rows; and without "
        f"an effect where an update changes {shares} of the items, or evaluations are independent ({numbers['simulated_runs']:,} simulated runs each, "
        "the classification average deciding the authors' stop)."
    )
    curves = (
        "Classification gain without an effect against the share of items that an update changes: above, the mean; below, the expected largest of as many "
        f"runs as were released, {runs}. Line: the classification average decides the authors' stop; band: {numbers['fewest']} to {numbers['most']} real updates. "
        "Dashed: published (grey: interval of the mean). Dotted: share that varies between the rows with the first real update as best epoch."
    )
    return (
        Figure(
            "published_null_gains",
            "Published gains and gains under no effect",
            distributions,
            _distributions(frame, simulated),
            _draw_distributions,
        ),
        Figure(
            "published_null_curve",
            "Gain under no effect against the share of items that change",
            curves,
            _curves(numbers),
            _draw_curves,
        ),
    )


def _distributions(frame: pd.DataFrame, simulated: dict[str, dict[str, dict[str, Runs]]]) -> pd.DataFrame:
    """By model, shares of runs up to each gain: ``curve`` is "published", or the flip rate of the null."""
    parts = []
    for model, by_rate in simulated.items():
        parts.append(cumulative_points(rows_of(frame, model)["gain"].to_numpy(), model=model, curve=PUBLISHED))
        parts += [cumulative_points(by_rate[label]["stop"].gain, model=model, curve=label) for label in DRAWN]
    return pd.concat(parts)


def _draw_distributions(file: FigureFile) -> None:
    """Cumulative shares of gains, one panel per model."""
    titles = {label: "independent" if label == INDEPENDENT else f"{float(label) * 100:g} % of items per update" for label in DRAWN}
    handles = [handle("published", line="-", tint="black")]
    handles += [handle(titles[label], line=line, tint=colour(index)) for index, (label, line) in enumerate(DRAWN.items())]
    by_model = models(file.points)
    with file.drawing(DOUBLE, 2.3, 1, len(by_model), sharex=True, sharey=True) as (figure, [line_of_axes]):
        for axes, (model, rows) in zip(line_of_axes, by_model.items(), strict=True):
            cumulative(axes, where(rows, curve=PUBLISHED), "-", "black")
            for index, (label, line) in enumerate(DRAWN.items()):
                cumulative(axes, where(rows, curve=label), line, colour(index))
            axes.set_title(f"OPT {model}")
            axes.set_xlabel("gain in accuracy, points")
        line_of_axes[0].set_ylabel("share of runs up to this gain")
        legend_above(figure, handles, len(handles))


def _curves(numbers: dict[str, Any]) -> pd.DataFrame:
    """By model and ``quantity`` (mean, largest), in points: the null by the share of items changed (kind ``null``; low and high: fewest and most candidates),
    the published value with its interval (``published``), and the share that varies after the first real update (``first update``)."""
    rows: list[tuple[Any, ...]] = []
    for model, values in numbers["models"].items():
        seen = values["observed"]
        for key in QUANTITIES:
            by_share = zip(*(values[rule]["null"] for rule in ("stop", "fewest", "most")), strict=True)
            for at in by_share:
                if at[0]["flips"] and all(point[key] for point in at):
                    rows.append((model, key, "null", at[0]["flips"] * 100, *(point[key] * POINTS for point in at)))
            ends = interval_of(seen, "mean") if key == "mean" else (float("nan"), float("nan"))
            rows.append((model, key, PUBLISHED, None, *(end * POINTS for end in (seen[key], *ends))))
            if seen["first_varying"] is not None:
                rows.append((model, key, FIRST_UPDATE, seen["first_varying"] * 100, None, None, None))
    return pd.DataFrame(rows, columns=["model", "quantity", "kind", "changed", "value", "low", "high"])


def _draw_curves(file: FigureFile) -> None:
    """Mean and largest gain without an effect against the flip rate, one column per model."""
    by_model = models(file.points)
    handles = [handle("without effect", line="-", tint=colour(0)), handle("published", line="--", tint="black")]
    handles.append(handle("share that varies after the first real update", line=":", tint=GREY))
    with file.drawing(DOUBLE, 3.7, 2, len(by_model), sharex=True, sharey="row") as (figure, grid):
        for row, key in zip(grid, QUANTITIES, strict=True):
            for axes, (model, rows) in zip(row, by_model.items(), strict=True):
                _curve(axes, where(rows, quantity=key), key)
                if key == "mean":
                    axes.set_title(f"OPT {model}")
                else:
                    axes.set_xlabel("items changed per update, %")
            row[0].set_ylabel(f"{key} gain, points")
        legend_above(figure, handles, len(handles))


def _curve(axes: Axes, points: pd.DataFrame, key: str) -> None:
    null = where(points, kind="null")
    axes.fill_between(null["changed"], null["low"], null["high"], color=colour(0), alpha=0.15, linewidth=0)
    axes.plot(null["changed"], null["value"], color=colour(0))
    for value, low, high in where(points, kind=PUBLISHED)[["value", "low", "high"]].to_numpy(float):
        axes.axhline(value, linestyle="--", color="black", linewidth=0.9)
        if low == low:
            axes.axhspan(low, high, color="black", alpha=0.12, linewidth=0)
    for share in where(points, kind=FIRST_UPDATE)["changed"]:
        axes.axvline(share, linestyle=":", color=GREY)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(True)
    for axis, ticks in ((axes.xaxis, (0.1, 1, 10)), (axes.yaxis, (0.05, 0.1, 0.2, 0.5, 1, 2) if key == "mean" else (0.5, 1, 2))):
        axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
