"""What jobs took: the benchmark files that Snakemake writes, of every study that ran in this folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: A key, or the digest in a shard's name.
KEY = re.compile(r"-(?:[0-9a-f]{12}|[0-9a-f]{8})(?=-|/|$)")
#: Snakemake looks at a job every half second for 15 seconds, later every 30 seconds (snakemake.benchmark.ScheduledPeriodicTimer).
OFTEN, SHORT, INTERVAL = 0.5, 15.0, 30.0


@dataclass(frozen=True)
class Timing:
    """One job as measured: seconds of the clock and of the processor, largest resident memory in MiB, and when it ended (Unix time)."""

    wall: float
    cpu: float
    memory: float
    ended: float


def core_seconds(wall: float, cpu: float) -> float:
    """Seconds of processor time of a whole job, from those at Snakemake's last look at it: as busy afterwards as before.

    A job that ended before it had used any counts as busy throughout.
    """
    looked = OFTEN * (wall // OFTEN) if wall < SHORT else SHORT + INTERVAL * ((wall - SHORT) // INTERVAL)
    return cpu * wall / looked if looked and cpu else wall


def read_timing(path: Path) -> Timing | None:
    """A benchmark file; None where it is not one, or Snakemake never got to look at the job (``-`` or ``NA``)."""
    try:
        names, *rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        row = dict(zip(names, rows[-1], strict=True))
        wall = float(row["s"])
        return Timing(wall, core_seconds(wall, float(row["cpu_time"])), float(row["max_rss"]), path.stat().st_mtime)
    except (OSError, ValueError, KeyError, IndexError):
        return None


def study_timings(results: Path) -> dict[str, Timing]:
    """Timings of a study by the jobs' names without keys; of several with one name, the last."""
    found: dict[str, Timing] = {}
    for path in sorted((results / "timing").rglob("*.tsv")):
        name = KEY.sub("", path.relative_to(results / "timing").with_suffix("").as_posix())
        timing = read_timing(path)
        if timing and (name not in found or found[name].ended < timing.ended):
            found[name] = timing
    return found
