"""Figures of the check on selection; see ``selection`` for the numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from gap.figures.labels import POINTS
from gap.figures.style import DOUBLE, GREY, colour, handle, legend_above
from gap.published.audit.null import INDEPENDENT, RULES, Runs
from gap.published.drawings import cumulative
from gap.published.rows import rows_of
from gap.published.section import Figure, FigureFile
from gap.published.wording import each, listed

#: Flip rates whose distributions are drawn, with their lines.
DRAWN = {"0.002": "--", "0.01": "-.", INDEPENDENT: ":"}


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
            partial(_draw_distributions, frame, simulated),
        ),
        Figure(
            "published_null_curve", "Gain under no effect against the share of items that change", curves, partial(_draw_curves, numbers)
        ),
    )


def _draw_distributions(frame: pd.DataFrame, simulated: dict[str, dict[str, dict[str, Runs]]], file: FigureFile) -> None:
    """Cumulative shares of gains, one panel per model."""
    titles = {label: "independent" if label == INDEPENDENT else f"{float(label) * 100:g} % of items per update" for label in DRAWN}
    handles = [handle("published", line="-", tint="black")]
    handles += [handle(titles[label], line=line, tint=colour(index)) for index, (label, line) in enumerate(DRAWN.items())]
    with file.drawing(DOUBLE, 2.3, 1, len(simulated), sharex=True, sharey=True) as (figure, [line_of_axes]):
        for axes, (model, by_rate) in zip(line_of_axes, simulated.items(), strict=True):
            cumulative(axes, rows_of(frame, model)["gain"].to_numpy(), "-", "black")
            for index, (label, line) in enumerate(DRAWN.items()):
                cumulative(axes, by_rate[label]["stop"].gain, line, colour(index))
            axes.set_title(model)
            axes.set_xlabel("gain in accuracy, points")
        line_of_axes[0].set_ylabel("share of runs up to this gain")
        legend_above(figure, handles, len(handles))


def _draw_curves(numbers: dict[str, Any], file: FigureFile) -> None:
    """Mean and largest gain without an effect against the flip rate, one column per model."""
    by_model = numbers["models"]
    handles = [handle("without effect", line="-", tint=colour(0)), handle("published", line="--", tint="black")]
    handles.append(handle("share that varies after the first real update", line=":", tint=GREY))
    with file.drawing(DOUBLE, 3.7, 2, len(by_model), sharex=True, sharey="row") as (figure, grid):
        for row, key in zip(grid, ("mean", "largest"), strict=True):
            for axes, (model, values) in zip(row, by_model.items(), strict=True):
                _curve(axes, values, key)
                if key == "mean":
                    axes.set_title(model)
                else:
                    axes.set_xlabel("items changed per update, %")
            row[0].set_ylabel(f"{key} gain, points")
        legend_above(figure, handles, len(handles))


def _curve(axes: Axes, model_numbers: dict[str, Any], key: str) -> None:
    seen = model_numbers["observed"]
    points = {
        rule: [(point["flips"] * 100, point[key] * POINTS) for point in model_numbers[rule]["null"] if point["flips"] and point[key]]
        for rule in RULES
    }
    shares = [share for share, _ in points["stop"]]
    low, middle, high = ([value for _, value in points[rule]] for rule in ("fewest", "stop", "most"))
    axes.fill_between(shares, low, high, color=colour(0), alpha=0.15, linewidth=0)
    axes.plot(shares, middle, color=colour(0))
    axes.axhline(seen[key] * POINTS, linestyle="--", color="black", linewidth=0.9)
    if key == "mean" and None not in seen["mean_interval"]:
        axes.axhspan(*(end * POINTS for end in seen["mean_interval"]), color="black", alpha=0.12, linewidth=0)
    if seen["first_varying"] is not None:
        axes.axvline(seen["first_varying"] * 100, linestyle=":", color=GREY)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(True)
    for axis, ticks in ((axes.xaxis, (0.1, 1, 10)), (axes.yaxis, (0.05, 0.1, 0.2, 0.5, 1, 2) if key == "mean" else (0.5, 1, 2))):
        axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
