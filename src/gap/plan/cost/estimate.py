"""Hours, disk, download and memory per stage of a study, each with where the number comes from; and planned against measured."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gap.core.locations import DOWNLOADS, mirror
from gap.fetch.upstream import FOLDER
from gap.params.existing import GgufModel, HubModel, PackageModel
from gap.params.sources import AuthorsSource, HubSource
from gap.params.study import Study
from gap.plan.cost.jobs import Job, parameters, published_jobs, study_jobs
from gap.plan.cost.timing import Measured, measured_jobs, model_digest, rates_of, seconds_of, study_timings
from gap.plan.cost.work import Rates
from gap.plan.graph import Graph
from gap.plan.job_memory import POSTTRAINING, SCORING, megabytes
from gap.plan.plan import Plan

#: Where a number of hours comes from -> by what factor it may be off.
FACTORS = {"measured, same model": 1.3, "measured, same stage": 1.7, "measured, other model": 1.7, "model": 2.0, "model, GPU assumed": 3.0}
#: Bytes per weight of a download: OPT on the hub in half precision; a GGUF file in about 4 bits (SmolLM2 0.8, Gemma 3 270M 0.9).
HALF, FOUR_BITS = 2.0, 0.85
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


class Estimator:
    """Seconds of any job of a study, by what was measured in this folder and else by the model."""

    def __init__(self, graph: Graph, without: str = "") -> None:
        plan = graph.plan
        self.plan = plan if isinstance(plan, Plan) else None
        self.rates = rates_of(plan.study) if isinstance(plan.study, Study) else Rates()
        self.jobs = study_jobs(plan, lambda stage: Path(graph.record(stage))) if isinstance(plan, Plan) else published_jobs(graph)
        self.measured = measured_jobs(Path("results"), self.rates, without) if self.plan else []
        self.weights = {name: parameters(self.plan, name) for name in self.plan.study.models} if self.plan else {}
        self.digests = {name: model_digest(self.plan, name) for name in self.weights} if self.plan else {}

    def seconds(self, job: Job) -> tuple[float, str]:
        """Core- or GPU-seconds of a job, and an entry of ``FACTORS``."""
        modelled = self.rates.seconds(job.work, self.weights.get(job.model, 0.0))
        alike = [entry for entry in self.measured if ALIKE.get(entry.stage, entry.stage) == ALIKE.get(job.stage, job.stage)]
        own = [entry for entry in alike if entry.model == self.digests.get(job.model, "")]
        if ratio := _ratio(own):
            return modelled * ratio, "measured, same model" if job.model else "measured, same stage"
        if ratio := _ratio(alike):
            return modelled * ratio, "measured, other model"
        return modelled, "model, GPU assumed" if self.rates.device == "cuda" and job.copies else "model"

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
        return megabytes(self.weights[job.model], gpu_copies(job.copies) if self.unit(job) == "GPU" else job.copies, job.memory)


def gpu_copies(copies: float) -> float:
    """Copies of the fp32 weights on a GPU where a CPU needs ``copies``: no packed ones, snapshot in fp16 (counted: docs/checkpoints.md)."""
    return 4.5 if copies >= POSTTRAINING else max(1.0, copies - SCORING + 1.5)


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
        sizes = [size for job in chosen for size in downloads(estimator, job)]
        rows.append(
            Row(
                stage, len(chosen), len(jobs), estimator.unit(chosen[0]), sum(seconds for seconds, _ in known) / 3600,
                FACTORS[source], source, sum(job.disk for job in chosen), sum(size for _, size in sizes if not math.isnan(size)),
                tuple(dict.fromkeys(name for name, size in sizes if math.isnan(size))), max(map(estimator.memory, chosen)),
            )
        )  # fmt: skip
    return rows


def compared(graph: Graph) -> list[Comparison]:
    """Planned and measured per stage, of the jobs whose timing files are here."""
    estimator = Estimator(graph, without=graph.plan.study.name)
    timings = study_timings(graph.plan.results)
    rows = []
    for stage, jobs in _by_stage(estimator.jobs).items():
        ran = [job for job in jobs if job.timing in timings]
        if not ran:
            continue
        seconds = [seconds_of(timings[job.timing], estimator.rates, job) for job in ran]
        expected = [estimator.seconds(job)[0] for job in ran]
        peaks = max(map(estimator.memory, ran)), max(timings[job.timing].memory for job in ran)
        rows.append(Comparison(stage, len(ran), estimator.unit(ran[0]), sum(expected), sum(seconds), *peaks))
    return rows


def _by_stage(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    stages: dict[str, list[Job]] = {}
    for job in jobs:
        stages.setdefault(job.stage, []).append(job)
    return stages


def downloads(estimator: Estimator, job: Job) -> list[tuple[str, float]]:
    """What a job fetches: name and bytes; 0 where it is here already, NaN where nobody knows."""
    name = job.timing.rpartition("/")[2]
    if estimator.plan is None:
        relative = job.timing.removeprefix("upstream/")
        return [(relative, 0.0 if _upstream_here(relative) else math.nan)] if job.stage == "fetch_upstream" else []
    study = estimator.plan.study
    if job.stage == "build_model":
        return _model_download(study.models[name], estimator.weights[name])
    if job.stage == "fetch_items" and study.items.kind == "hub":
        return [(name, math.nan)]
    if job.stage == "sample_corpus":
        source = study.sources[study.corpora[name.rpartition("-")[0]].source]
        if isinstance(source, HubSource):
            return [(source.dataset, math.nan)]
        if isinstance(source, AuthorsSource):
            here = _upstream_here("data/train_data")
            return [(f"the authors' {source.name}", 0.0 if here else math.nan)]
    return []


def _upstream_here(relative: str) -> bool:
    roots = [DOWNLOADS / FOLDER, *([root / FOLDER] if (root := mirror()) else [])]
    return any((root / relative).exists() for root in roots)


def _model_download(model: Any, weights: float) -> list[tuple[str, float]]:
    if isinstance(model, PackageModel):
        return [(model.parts[0].package, 0.0 if (DOWNLOADS / f"{model.sha256}.gguf").exists() else FOUR_BITS * weights)]
    if isinstance(model, HubModel) or (isinstance(model, GgufModel) and model.id):
        here = (hub_cache() / f"models--{model.id.replace('/', '--')}" / "snapshots" / str(model.revision)).exists()
        return [(model.id, 0.0 if here else weights * (HALF if isinstance(model, HubModel) else FOUR_BITS))]
    return []


def hub_cache() -> Path:
    """Where the hub's library keeps what it fetched (its own rule: HF_HUB_CACHE, else HF_HOME/hub, else below the home folder)."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def as_json(rows: Iterable[Row | Comparison]) -> list[dict[str, Any]]:
    """The rows as plain JSON values: NaN is null."""
    entries = [asdict(row) | ({"factor": row.factor} if isinstance(row, Comparison) else {}) for row in rows]
    return [{key: None if isinstance(value, float) and math.isnan(value) else value for key, value in entry.items()} for entry in entries]
