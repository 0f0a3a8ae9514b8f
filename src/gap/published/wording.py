"""How numbers are written: in sentences and tables, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.table import show
from gap.stats.intervals import Interval


def title(group: str) -> str:
    """ "Dialogue F1" or "Classification accuracy"."""
    return AXIS_LABEL[group][0].upper() + AXIS_LABEL[group][1:]


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


def plain(value: float) -> float | None:
    """A number for JSON: None for NaN."""
    number = float(value)
    return number if number == number else None


def pair(interval: Interval) -> list[float | None]:
    """An interval for JSON."""
    return [plain(interval.low), plain(interval.high)]


def interval_of(row: dict[str, Any], key: str) -> Interval:
    """The interval that ``pair`` wrote under ``key``_interval."""
    low, high = (float("nan") if value is None else float(value) for value in row[f"{key}_interval"])
    return Interval(low, high)


def span(interval: Interval, write: Callable[[float], str]) -> str:
    """An interval as text; empty where there is none."""
    return f"{write(interval.low)} to {write(interval.high)}" if interval.low == interval.low else ""


def within(interval: Interval, write: Callable[[float], str], level: float) -> str:
    """An interval in a sentence."""
    text = span(interval, write)
    return f"{level * 100:g} % interval {text}" if text else "no interval"


def p_text(value: float) -> str:
    """A p-value in a sentence."""
    return "p undefined" if value != value else "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def listed(parts: Iterable[str]) -> str:
    """ "a", "a and b", "a, b and c"; "none" for nothing."""
    known = list(parts)
    if not known:
        return "none"
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"


def instead_of(value: str, current: str) -> str:
    """Two written numbers contrasted; "(unchanged)" where they agree at the precision shown."""
    return f"{value} (unchanged)" if value == current else f"{value} instead of {current}"
