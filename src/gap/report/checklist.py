"""The reproducibility checklist of ACL and NeurIPS, answered from what the pipeline recorded; what it did not record is said to be missing."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

from gap.core.tables import read_table
from gap.figures.data import StudyData, read_optional
from gap.report import licences
from gap.report.licences import MISSING
from gap.runtime.failures import failed_jobs
from gap.runtime.timing import Timing, read_timing

#: Folder or file of a study's timing -> the stage that readers know.
STAGES = {
    "corpora": "texts",
    "items": "evaluation items",
    "models": "base models",
    "features": "text features",
    "runs": "post-training",
    "scores": "evaluation",
}


def compute(data: StudyData) -> list[tuple[str, int, float, float]]:
    """Stage, jobs, their wall time (seconds, summed) and largest memory (MiB), by the benchmark files in results/STUDY/timing; longest first."""
    folder = data.study.path("report").parent / "timing"
    stages: dict[str, list[Timing]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        part = path.relative_to(folder).parts[0].removesuffix(".tsv")
        if timing := read_timing(path):
            stages.setdefault(STAGES.get(part, part), []).append(timing)
    sums = [
        (stage, len(jobs), sum(job.wall for job in jobs), max(0.0 if isnan(job.memory) else job.memory for job in jobs))
        for stage, jobs in stages.items()
    ]
    return sorted(sums, key=lambda row: -row[2])


def checklist(data: StudyData, too_short: tuple[int, int]) -> list[tuple[str, str]]:
    """Item and answer."""
    study, plan = data.study, data.study.plan["study"]
    own = plan["methods"][study.primary]["gap"]
    trajectories = read_table(study.path("trajectories"), "trajectories", ["run", "epoch", "real", "diverged"])
    tried = trajectories[trajectories["epoch"] > 0]
    diverged = int(trajectories.groupby("run", sort=False)["diverged"].any().sum())
    spent = compute(data)
    budget = (
        f"{sum(jobs for _, jobs, *_ in spent)} jobs, {sum(row[2] for row in spent):,.0f} s in all, at most {max(row[3] for row in spent):,.0f} MiB each"
        if spent
        else MISSING
    )
    overlap = f"checked by runs of words; {too_short[0]} of {too_short[1]} items are too short for it" if too_short[1] else MISSING
    return [
        ("Compute budget", budget),
        *_machine(data),
        (
            "Failed runs",
            f"{diverged} of {len(study.runs)} runs diverged; {int((~tried['real']).sum()):,} of {len(tried):,} updates skipped or diverged; all are kept in every count",
        ),
        ("Failed jobs", _failed(data)),
        ("Seeds", f"study {plan['seed']}; every random draw has its own stream, named after what it is for"),
        (
            "Hyperparameters and how they were chosen",
            f"in full under Parameters; learning rate {own['learning_rate']:g}, {own['updates']} updates; the choice of values is {MISSING}",
        ),
        (
            "Data splits and sizes",
            f"{', '.join(plan['evaluate']['splits'])}; at most {study.items} items of {len(study.tasks('all'))} tasks, from the first",
        ),
        ("Overlap of texts and evaluation items", overlap),
        (
            "Error bars",
            f"{data.level} % intervals over runs and items in verdicts, findings and at the diamonds of Figure 1, 95 % intervals over runs elsewhere (docs/method.md)",
        ),
        ("Models and their licences", "; ".join(f"{label}: {_origin(plan['models'][name])}" for name, label in study.models.items())),
        (
            "Texts and their licences",
            "; ".join(f"{name}: {source['kind']}, licence {licences.of_source(source)}" for name, source in plan["sources"].items()),
        ),
        ("Evaluation sets and their licences", f"{_items(plan['items'])}; {_terms(data.study.tasks('all'), plan['items'])}"),
    ]


def _machine(data: StudyData) -> list[tuple[str, str]]:
    """What computed the runs and scores, by their provenance records."""
    paths = [*data.study.plan["trajectories"], *(entry["path"] for entry in data.study.plan["scores"])]
    records = [record for path in paths if (record := read_optional(Path(path).with_suffix(".provenance.json")))]
    facts: dict[str, set[Any]] = {}
    for record in records:
        machine = record.get("machine", {})
        for name in ("system", "machine", "cpu", "cores", "gpu"):
            facts.setdefault(name, set()).add(machine.get(name))
    known = {name: ", ".join(sorted(str(value) for value in values if value)) for name, values in facts.items()}
    model = known.get("cpu") or f"CPU model {MISSING}"
    cpu = f"{model} ({known['machine']}), {known['cores']} cores, {known['system']}" if records else MISSING
    peak = max((record["peak_mib"] for record in records if record.get("peak_mib")), default=None)
    return [
        ("CPU", cpu),
        ("GPU", known.get("gpu") or ("none used" if records else MISSING)),
        ("Memory of the largest process", f"{peak:,.0f} MiB" if peak else MISSING),
    ]


def _origin(model: dict[str, Any]) -> str:
    """Where a model comes from."""
    terms = f"licence {licences.of_model(model)}"
    if model["kind"] == "pretrain":
        return f"trained here, {terms}"
    if model["kind"] == "hub":
        return f"{model['id']} at {model['revision'][:12]}, {terms}"
    return f"kind {model['kind']}, {terms}"


def _terms(tasks: Sequence[str], items: dict[str, Any]) -> str:
    """Tasks by their licence."""
    named: dict[str, list[str]] = {}
    for task in tasks:
        named.setdefault(licences.of_task(task, items), []).append(task)
    return "; ".join(f"{', '.join(names)}: {terms}" for terms, names in named.items())


def _failed(data: StudyData) -> str:
    """Failed jobs by rule, as the workflow noted them."""
    noted = failed_jobs(data.study.path("report").parent / "logs")
    if noted is None:
        return MISSING
    since, rules = noted
    counts = ", ".join(f"{rule} {rules.count(rule)}" for rule in dict.fromkeys(rules))
    return f"{len(rules) or 'none'} since {since}, when the workflow began to note them{f': {counts}' if counts else ''}"


def _items(items: dict[str, Any]) -> str:
    return {"miniature": "miniature sets of this project", "folder": "files in the hub's schemas", "hub": "pinned revisions from the hub"}[
        items["kind"]
    ]
