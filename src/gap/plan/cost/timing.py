"""What jobs took: the benchmark files that Snakemake writes, of every study that ran in this folder."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isnan
from pathlib import Path

from gap.runtime.timing import Timing, read_timing

#: A key, or the digest in a shard's name.
KEY = re.compile(r"-(?:[0-9a-f]{12}|[0-9a-f]{8})(?=-|/|$)")
#: Snakemake looks at a job every half second for 15 seconds, later every 30 seconds (snakemake.benchmark.ScheduledPeriodicTimer).
OFTEN, SHORT, INTERVAL = 0.5, 15.0, 30.0


def core_seconds(wall: float, cpu: float) -> float:
    """Seconds of processor time of a whole job, from those at Snakemake's last look at it: as busy afterwards as before.

    A job that ended before it had used any counts as busy throughout.
    """
    looked = OFTEN * (wall // OFTEN) if wall < SHORT else SHORT + INTERVAL * ((wall - SHORT) // INTERVAL)
    return cpu * wall / looked if looked and cpu else wall


def study_timings(results: Path) -> dict[str, Timing]:
    """Timings of a study by the jobs' names without keys, with the processor time of the whole job; of several with one name, the last.

    A job that Snakemake never got to look at is left out.
    """
    found: dict[str, Timing] = {}
    for path in sorted((results / "timing").rglob("*.tsv")):
        name = KEY.sub("", path.relative_to(results / "timing").with_suffix("").as_posix())
        timing = read_timing(path)
        if timing is None or isnan(timing.cpu + timing.memory):
            continue
        if name not in found or found[name].ended < timing.ended:
            found[name] = replace(timing, cpu=core_seconds(timing.wall, timing.cpu))
    return found
