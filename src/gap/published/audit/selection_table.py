"""Table and captions of the check on selection; see ``selection`` for the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gap.figures.labels import POINTS
from gap.figures.table import Cell, Column, Table
from gap.published.audit.null import INDEPENDENT
from gap.published.audit.selection_figures import DRAWN
from gap.published.audit.selection_text import Numbers, hundredths
from gap.published.section import Sampling
from gap.published.wording import change, interval_of, listed, percent, span


def table(numbers: Numbers, sampling: Sampling) -> Table:
    """One row per model: published, independent evaluations, the share with the same mean, the share of the first update."""
    level = f"{sampling.level * 100:g} %"
    columns = (
        *(Column("model", "Model", "text"), Column("runs", "Runs", "count")),
        *(Column("mean", "mean", "change", "Published"), Column("interval", level, "text", "Published")),
        *(Column("largest", "largest", "change", "Published"), Column("unmodified", "unmod., %", "text", "Published")),
        *(Column("independent", "mean", "change", "Independent"), Column("independent_largest", "largest", "change", "Independent")),
        *(Column("match", "items, %", "text", "Same mean"), Column("match_largest", "largest", "change", "Same mean")),
        Column("match_unmodified", "unmod., %", "text", "Same mean"),
        *(Column("least", "least items, %", "text", "First update"), Column("varying", "varying, %", "text", "First update")),
        Column("varying_mean", "mean", "change", "First update"),
    )
    rows: list[tuple[Cell, ...]] = []
    for model, model_numbers in numbers["models"].items():
        seen, stop = model_numbers["observed"], model_numbers["stop"]
        match, first = stop["at_match"] or {}, stop["at_varying"] or {}
        rows.append(
            (
                *(model, seen["runs"], seen["mean"] * POINTS, span(interval_of(seen, "mean"), change)),
                *(seen["largest"] * POINTS, percent(seen["unmodified"])),
                *(stop["independent"]["mean"] * POINTS, _points(stop["independent"]["largest"])),
                *(_text(stop["matching_flips"], hundredths), _points(match.get("largest")), _text(match.get("unmodified"), percent)),
                *(_text(seen["first_least"], hundredths), _text(seen["first_varying"], hundredths), _points(first.get("mean"))),
            )
        )
    caption = (
        "Classification gains, in points: published; and without an effect, the classification average deciding the authors' stop, for independent "
        "evaluations, for the share of items changed per update that gives the published mean (same mean), and for the share that varies between the rows "
        "with the first real update as best epoch (first update; beside it the least share changed there). largest: of the published runs, and its expectation for as many runs. unmod.: share "
        "left at the unmodified model."
    )
    return Table("published_selection", "Published gains and gains without an effect", caption, columns, tuple(rows))


def _points(value: float | None) -> float | None:
    return None if value is None else value * POINTS


def _text(value: float | None, write: Callable[[float], str]) -> str:
    return "" if value is None else write(value)


def captions(numbers: dict[str, Any]) -> tuple[str, str]:
    """Captions of the distributions and of the curves."""
    rows = listed(f"{model_numbers['observed']['rows']} ({model})" for model, model_numbers in numbers["models"].items())
    runs = listed(f"{model_numbers['observed']['runs']} ({model})" for model, model_numbers in numbers["models"].items())
    shares = listed(f"{float(label) * 100:g} %" for label in DRAWN if label != INDEPENDENT)
    return (
        f"Share of runs with at most the classification gain shown, against the unmodified model (baseline 0): published, n = {rows} rows; and without "
        f"an effect where an update changes {shares} of the items, or evaluations are independent ({numbers['simulated_runs']:,} simulated runs each, "
        "the classification average deciding the authors' stop).",
        "Classification gain without an effect against the share of items that an update changes: above, the mean; below, the expected largest of as many "
        f"runs as were released, {runs}. Line: the classification average decides the authors' stop; band: {numbers['fewest']} to {numbers['most']} real updates. "
        "Dashed: published (grey: interval of the mean). Dotted: share that varies between the rows with the first real update as best epoch.",
    )
