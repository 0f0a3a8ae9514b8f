"""Correlations with their intervals, a row per feature and a mark per scope."""

from __future__ import annotations

from typing import Any

from matplotlib.lines import Line2D

from gap.figures.forest import Mark, Series, panel
from gap.figures.style import DOUBLE, GREY, colour, legend_above, marker
from gap.published.claims.correlations import test_of
from gap.published.drawings import corpus_handles
from gap.published.estimates import interval_of
from gap.published.read import CORPORA
from gap.published.rows import ALL
from gap.published.section import FigureFile

#: Scope -> colour and marker; all corpora first.
LOOK = {ALL: (GREY, "x")} | {corpus: (colour(index), marker(index)) for index, corpus in enumerate(CORPORA)}


def draw(by_model: dict[str, Any], labels: dict[str, str], alpha: float, file: FigureFile) -> None:
    """One panel per model; ``by_model`` maps models to scopes to features; marks are filled where Holm's p is below ``alpha``."""
    pooled = Line2D([], [], linestyle="None", marker=LOOK[ALL][1], markersize=4, color=LOOK[ALL][0], label="all corpora")
    handles = [pooled, *corpus_handles()]
    with file.drawing(DOUBLE, 0.42 * len(labels) + 0.8, 1, len(by_model), sharey=True, sharex=True) as (figure, [line]):
        for axes, (model, row) in zip(line, by_model.items(), strict=True):
            panel(axes, list(labels), _series(row, list(labels), alpha))
            axes.set_title(f"OPT {model}")
            axes.set_xlabel("rank correlation with gain")
        line[0].set_yticks(range(len(labels)), list(labels.values()))
        line[0].set_ylim(len(labels) - 0.5, -0.5)
        legend_above(figure, handles, len(handles))


def _series(row: dict[str, Any], features: list[str], alpha: float) -> list[Series]:
    """The scopes of one model; a correlation that does not exist has no mark."""
    series = []
    for scope, (shade, shape) in LOOK.items():
        tests = {feature: test for feature in features if (test := test_of(row, scope, feature)) and test["rho"] is not None}
        marks = {feature: Mark(test["rho"], *interval_of(test, "rho"), test["p_holm"] < alpha) for feature, test in tests.items()}
        series.append(Series(shade, shape, marks))
    return series
