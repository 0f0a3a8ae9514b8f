"""What jobs took: the benchmark files that Snakemake writes, of every study that ran in this folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gap.core.digest import digest
from gap.core.errors import BadInput
from gap.core.files import read_object
from gap.params.study import Study
from gap.plan.cost.jobs import Job, parameters, study_jobs
from gap.plan.cost.work import PORTABLE, Rates
from gap.plan.plan import Plan
from gap.runtime.device import device_kind

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


@dataclass(frozen=True)
class Measured:
    """What a job of a stage took, beside what the model says of it; ``model``: digest of the settings of the base model."""

    study: str
    stage: str
    model: str
    seconds: float
    modelled: float
    memory: float


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


def rates_of(study: Study) -> Rates:
    """Where a study runs on this machine."""
    return Rates(device_kind(study.jobs.device), PORTABLE if study.jobs.arithmetic == "portable" else 1.0)


def seconds_of(timing: Timing, rates: Rates, job: Job) -> float:
    """What a job took of what is scarce: of a GPU the clock's seconds, of a CPU the processor's."""
    return timing.wall if rates.device == "cuda" and job.copies else timing.cpu


def model_digest(plan: Plan, name: str) -> str:
    """What tells a base model of one study from that of another."""
    return digest(plan.study.models[name].identity()) if name else ""


def measured_jobs(root: Path, rates: Rates, without: str = "") -> list[Measured]:
    """Every job below ``root`` (``results``) that has a timing file, of studies on such a device; ``without``: a study to leave out.

    A study is known by its plan.json; one of an older form is left out.
    """
    found = []
    for document in sorted(root.glob("*/plan.json")):
        try:
            written = read_object(document)["study"]
            # what plan.json leaves out where it is the usual (gap.params.jobs)
            study = Study.model_validate(written | {"jobs": {"arithmetic": "fast"} | written["jobs"]})
        except (BadInput, KeyError, TypeError, ValueError):
            continue
        timings = study_timings(document.parent)
        own = rates_of(study)
        if study.name == without or own.device != rates.device or not timings:
            continue
        plan = Plan(study)
        for job in study_jobs(plan):
            if job.timing in timings:
                timing, weights = timings[job.timing], parameters(plan, job.model) if job.model else 0.0
                taken = seconds_of(timing, own, job), own.seconds(job.work, weights), timing.memory
                found.append(Measured(study.name, job.stage, model_digest(plan, job.model), *taken))
    return found
