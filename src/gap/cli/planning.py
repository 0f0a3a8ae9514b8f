"""What ``gap plan`` and ``gap doctor`` print: tables, sums, and one line per check."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gap.plan.cost.estimate import Comparison, Row
    from gap.runtime.checkup import Check


def plan_lines(study: str, rows: Sequence[Row]) -> list[str]:
    """The estimate as a table, and its sums in words."""
    import os
    import shutil

    if not rows:
        return [f"study {study}: nothing to do (--all: as if nothing were here; --against-run: how long it took)"]
    header = ("stage", "jobs", "hours", "of a", "off by", "disk", "download", "memory", "hours come from")
    table = [
        (row.stage, f"{row.jobs}/{row.all_jobs}", hours(row.hours), row.unit, f"x{row.factor:g}", size(row.disk), _download([row]), size(row.memory * 2**20), row.source)
        for row in rows
    ]  # fmt: skip
    lines = [f"study {study}: {sum(row.jobs for row in rows)} jobs to do (Snakemake counts one more, `all`)", *columns([header, *table])]
    for unit in dict.fromkeys(row.unit for row in rows):
        known = [row for row in rows if row.unit == unit and not math.isnan(row.hours)]
        total, low, high = (sum(row.hours * row.factor**power for row in known) for power in (0, -1, 1))
        more = "" if len(known) == sum(row.unit == unit for row in rows) else ", and those unknown"
        lines.append(f"{unit}-hours: {hours(total)} in all ({hours(low)} to {hours(high)}){more}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # macOS has none
    of_all = {unit: sum(row.hours for row in rows if row.unit == unit and not math.isnan(row.hours)) for unit in ("core", "GPU")}
    longest = max((row.hours / row.jobs for row in rows if not math.isnan(row.hours)), default=0.0)
    lines.append(
        f"clock: at least {hours(max(of_all['core'] / cores, of_all['GPU'], longest))} hours, with {cores} cores{' and one GPU' if of_all['GPU'] else ''}"
    )
    more, free = size(sum(row.disk for row in rows)), size(shutil.disk_usage(".").free)
    lines.append(
        f"disk: {more} more ({free} free); download: {_download(rows)}; both by the model, x1.5, as is memory where it was not measured"
    )
    return lines


def check_lines(checks: Sequence[Check]) -> list[str]:
    """A line per check; a failing one ends with the command that mends it."""
    width = max(len(check.name) for check in checks)
    return [f"{check.state:<8} {check.name:<{width}}  {check.found}{f' -> {check.cure}' if check.cure else ''}" for check in checks]


def comparison_lines(rows: Sequence[Comparison]) -> list[str]:
    """Planned against measured as a table, and over all stages."""
    header = ("stage", "jobs", "of a", "planned s", "measured s", "measured/planned", "memory", "measured")
    table = [
        (row.stage, str(row.jobs), row.unit, f"{row.planned:.1f}", f"{row.measured:.1f}", f"x{row.factor:.2f}", size(row.memory_planned * 2**20), size(row.memory_measured * 2**20))
        for row in rows
    ]  # fmt: skip
    lines = columns([header, *table])
    for unit in dict.fromkeys(row.unit for row in rows):
        planned, measured = (sum(getattr(row, name) for row in rows if row.unit == unit) for name in ("planned", "measured"))
        lines.append(f"{unit}-seconds: {planned:.0f} planned, {measured:.0f} measured, x{measured / planned:.2f}")
    return lines


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of aligned columns, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {0, len(widths) - 1}
    return ["  ".join(f"{cell:<{width}}" if place in left else f"{cell:>{width}}" for place, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]  # fmt: skip


def hours(value: float) -> str:
    """Hours with two digits that count."""
    return "unknown" if math.isnan(value) else f"{value:.4f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def size(value: float) -> str:
    """Bytes in decimal units."""
    if math.isnan(value):
        return "unknown"
    units: list[tuple[str, float]] = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]
    return next((f"{value / scale:.1f} {unit}" for unit, scale in units if value >= scale), f"{value:.0f} B")


def _download(rows: Sequence[Row]) -> str:
    """What is fetched, with the number of files of unknown size."""
    unknown: list[Any] = [name for row in rows for name in row.unknown]
    known = size(sum(row.download for row in rows))
    return f"{known} + {len(unknown)} unknown" if unknown else known
