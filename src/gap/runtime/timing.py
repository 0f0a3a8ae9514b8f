"""What a job took: the benchmark file that Snakemake wrote of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Timing:
    """One job as measured: seconds of the clock; seconds of the processor and largest resident memory in MiB, at Snakemake's last look (NaN: it never
    got to look); and when it ended (Unix time)."""

    wall: float
    cpu: float
    memory: float
    ended: float


def read_timing(path: Path) -> Timing | None:
    """A benchmark file; None where it is not one.  Of a job that was repeated, the last time."""
    try:
        names, *rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        row = dict(zip(names, rows[-1], strict=True))
        return Timing(float(row["s"]), _number(row.get("cpu_time", "NA")), _number(row.get("max_rss", "NA")), path.stat().st_mtime)
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _number(cell: str) -> float:
    """A cell; NaN for what Snakemake writes where it did not look."""
    return float("nan") if cell in ("-", "NA") else float(cell)
