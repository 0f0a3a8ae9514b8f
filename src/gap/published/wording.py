"""How numbers are written in sentences, captions and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.table import show
from gap.published.estimates import interval_of
from gap.published.read import Published
from gap.published.rows import ORDER, baseline, models


def title(group: str) -> str:
    """ "Dialogue F1" or "Classification accuracy"."""
    return AXIS_LABEL[group][0].upper() + AXIS_LABEL[group][1:]


def points(value: float | None) -> float | None:
    """A fraction in points, for a cell of a table."""
    return None if value is None else value * POINTS


def score(value: float) -> str:
    """A fraction in points."""
    return show(value * POINTS, "score")


def change(value: float) -> str:
    """A fraction as a signed change in points."""
    return show(value * POINTS, "change")


def signed(value: float) -> str:
    """A coefficient with its sign."""
    return show(value, "change")


def percent(value: float) -> str:
    """A share in per cent, without the sign."""
    return f"{value * 100:.1f}"


def span(row: dict[str, Any], key: str, write: Callable[[float], str]) -> str:
    """The interval of ``key`` as text; empty where there is none."""
    interval = interval_of(row, key)
    return f"{write(interval.low)} to {write(interval.high)}" if interval.low == interval.low else ""


def p_text(value: float) -> str:
    """A p-value in a sentence."""
    return "p undefined" if value != value else "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def p_cell(value: float) -> str:
    """A p-value in a table."""
    return p_text(value).removeprefix("p ").removeprefix("= ")


def listed(parts: Iterable[str]) -> str:
    """ "a", "a and b", "a, b and c"; "none" for nothing."""
    known = list(parts)
    if not known:
        return "none"
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"


def each(by_name: Mapping[str, Any], write: Callable[[Any], str]) -> str:
    """What ``write`` makes of every value, with its name in brackets, listed."""
    return listed(f"{write(value)} ({name})" for name, value in by_name.items())


def baselines_text(data: Published, group: str) -> str:
    """Unmodified scores of the models in points."""
    return listed(f"{score(baseline(data, group, model))} ({model})" for model in models(data.rows[group]))


def baselines_and_rows(data: Published) -> str:
    """Unmodified scores in points, with the number of rows, by group and model."""
    parts = []
    for group in ORDER:
        by_model = models(data.rows[group]).items()
        parts.append(f"{group} " + listed(f"{score(baseline(data, group, model))} ({model}, n = {len(rows)})" for model, rows in by_model))
    return "; ".join(parts)
