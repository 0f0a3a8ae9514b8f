"""Hours, disk, download and memory per stage of a study, each with where the number comes from; and planned against measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.digest import digest
from gap.core.errors import BadInput
from gap.core.files import read_object
from gap.params.study import Study
from gap.plan.cost.downloads import downloads
from gap.plan.cost.jobs import Job, published_jobs, rates_of, study_jobs
from gap.plan.cost.timing import Timing, study_timings
from gap.plan.cost.work import Rates
from gap.plan.job_memory import gpu_copies, megabytes
from gap.plan.model_size import model_size
from gap.plan.plan import Plan

if TYPE_CHECKING:
    from gap.plan.graph import Graph

#: Where a number of hours comes from -> by what factor it may be off.
FACTORS = {"measured, same model": 1.3, "measured, same stage": 1.7, "measured, other model": 1.7, "model": 2.0, "model, GPU assumed": 3.0}
#: Stages whose jobs do the same with more or fewer runs.
ALIKE = {"evaluate_base": "evaluate", "evaluate_runs": "evaluate"}


@dataclass(frozen=True)
class Row:
    """A stage: jobs to do of all, core- or GPU-hours, by what factor they may be off and whence; bytes written and fetched; peak MiB of a job.

    NaN where nobody knows; ``unknown``: names of downloads of unknown size.
    """

    stage: str
    jobs: int
    all_jobs: int
    unit: str
    hours: float
    factor: float
    source: str
    disk: float
    download: float
    unknown: tuple[str, ...]
    memory: float


@dataclass(frozen=True)
class Comparison:
    """A stage after the run: seconds planned without the study's own timing files, seconds measured, and peak MiB of both."""

    stage: str
    jobs: int
    unit: str
    planned: float
    measured: float
    memory_planned: float
    memory_measured: float

    @property
    def factor(self) -> float:
        """Measured by planned."""
        return self.measured / self.planned if self.planned else math.nan


@dataclass(frozen=True)
class Measured:
    """What a job of a stage took, beside what the model says of it; ``model``: digest of the settings of the base model."""

    study: str
    stage: str
    model: str
    seconds: float
    modelled: float
    memory: float


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
                timing, weights = timings[job.timing], model_size(plan, job.model).parameters if job.model else 0.0
                taken = seconds_of(timing, own, job), own.seconds(job.work, weights), timing.memory
                found.append(Measured(study.name, job.stage, model_digest(plan, job.model), *taken))
    return found


class Estimator:
    """Seconds of any job of a study, by what was measured in this folder and else by the model."""

    def __init__(self, graph: Graph, without: str = "") -> None:
        plan = graph.plan
        self.plan = plan if isinstance(plan, Plan) else None
        self.rates = rates_of(plan.study) if isinstance(plan.study, Study) else Rates()
        self.jobs = study_jobs(plan, graph) if isinstance(plan, Plan) else published_jobs(graph)
        self.measured = measured_jobs(Path("results"), self.rates, without) if self.plan else []
        self.sizes = {name: model_size(self.plan, name) for name in self.plan.study.models} if self.plan else {}
        self.digests = {name: model_digest(self.plan, name) for name in self.sizes} if self.plan else {}

    def seconds(self, job: Job) -> tuple[float, str]:
        """Core- or GPU-seconds of a job, and an entry of ``FACTORS``."""
        modelled = self.rates.seconds(job.work, self._weights(job))
        alike = [entry for entry in self.measured if ALIKE.get(entry.stage, entry.stage) == ALIKE.get(job.stage, job.stage)]
        own = [entry for entry in alike if entry.model == self.digests.get(job.model, "")]
        if ratio := _ratio(own):
            return modelled * ratio, "measured, same model" if job.model else "measured, same stage"
        if ratio := _ratio(alike):
            return modelled * ratio, "measured, other model"
        return modelled, "model, GPU assumed" if self.rates.device == "cuda" and job.copies else "model"

    def downloads(self, job: Job) -> list[tuple[str, float]]:
        """What the job fetches: name and bytes."""
        return downloads(self.plan.study if self.plan else None, job, self._weights(job))

    def unit(self, job: Job) -> str:
        """What the job's hours are of."""
        return "GPU" if self.rates.device == "cuda" and job.copies else "core"

    def memory(self, job: Job) -> float:
        """Peak memory of a job in MiB: the largest measured of its stage and model, else by its copies of the weights; a GPU's on ``cuda``."""
        if not job.model:
            return job.memory
        own = [entry.memory for entry in self.measured if entry.stage == job.stage and entry.model == self.digests[job.model]]
        if own and self.unit(job) == "core":
            return max(own)
        copies = gpu_copies(job.copies) if self.unit(job) == "GPU" else job.copies
        return megabytes(self.sizes[job.model], copies, job.tokens, job.memory)

    def peak(self, jobs: Iterable[Job]) -> float:
        """Peak memory of the largest of these jobs in MiB; NaN where nobody knows that of one of them."""
        peaks = [self.memory(job) for job in jobs]
        return math.nan if any(map(math.isnan, peaks)) else max(peaks)

    def _weights(self, job: Job) -> float:
        """Weights of the job's model; 0 without one."""
        return self.sizes[job.model].parameters if job.model else 0.0


def _ratio(entries: Iterable[Measured]) -> float:
    """Measured by modelled seconds; 0 where nothing tells."""
    known = [entry for entry in entries if entry.modelled > 0]
    modelled = sum(entry.modelled for entry in known)
    return sum(entry.seconds for entry in known) / modelled if modelled else 0.0


def planned(graph: Graph, *, everything: bool = False) -> list[Row]:
    """A row per stage with jobs to do, or where ``everything`` is asked for, per stage, as if nothing were there."""
    estimator = Estimator(graph)
    rows = []
    for stage, jobs in _by_stage(estimator.jobs).items():
        chosen = [job for job in jobs if everything or job.to_do]
        if not chosen:
            continue
        known = [estimator.seconds(job) for job in chosen]
        source = max((source for _, source in known), key=FACTORS.__getitem__)
        sizes = [size for job in chosen for size in estimator.downloads(job)]
        rows.append(
            Row(
                stage, len(chosen), len(jobs), estimator.unit(chosen[0]), sum(seconds for seconds, _ in known) / 3600,
                FACTORS[source], source, sum(job.disk for job in chosen), sum(size for _, size in sizes if not math.isnan(size)),
                tuple(dict.fromkeys(name for name, size in sizes if math.isnan(size))), estimator.peak(chosen),
            )
        )  # fmt: skip
    return rows


def compared(graph: Graph) -> list[Comparison]:
    """Planned and measured per stage, of the jobs whose timing files are here.

    Raises
    ------
    BadInput: there is none.
    """
    estimator = Estimator(graph, without=graph.plan.study.name)
    timings = study_timings(graph.plan.results)
    rows = []
    for stage, jobs in _by_stage(estimator.jobs).items():
        ran = [job for job in jobs if job.timing in timings]
        if not ran:
            continue
        seconds = [seconds_of(timings[job.timing], estimator.rates, job) for job in ran]
        expected = [estimator.seconds(job)[0] for job in ran]
        peaks = estimator.peak(ran), max(timings[job.timing].memory for job in ran)
        rows.append(Comparison(stage, len(ran), estimator.unit(ran[0]), sum(expected), sum(seconds), *peaks))
    if not rows:
        where, cure = str(graph.plan.results / "timing"), f"Run it: make STUDY={graph.plan.study.name}."
        raise BadInput(where, "no timing file of a job of this study", "those of a run", cure)
    return rows


def _by_stage(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    stages: dict[str, list[Job]] = {}
    for job in jobs:
        stages.setdefault(job.stage, []).append(job)
    return stages


def as_json(rows: Iterable[Row | Comparison]) -> list[dict[str, Any]]:
    """The rows as plain JSON values: NaN is null."""
    entries = [asdict(row) | ({"factor": row.factor} if isinstance(row, Comparison) else {}) for row in rows]
    return [{key: None if isinstance(value, float) and math.isnan(value) else value for key, value in entry.items()} for entry in entries]
