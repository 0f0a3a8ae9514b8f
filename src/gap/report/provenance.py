"""Where the numbers come from: plan, commit, models, counts, versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gap.core.tables import read_table
from gap.fetch.lock import entries
from gap.figures.data import StudyData, read_optional
from gap.runtime.provenance import git_state, versions


def origin(data: StudyData) -> list[tuple[str, str]]:
    """Name and value of what identifies this result."""
    plan, git = data.study.plan, git_state()
    commit = f"{git['commit']}{' with changes not committed' if git['dirty'] else ''}" if git else "not in a Git working tree"
    code = ", ".join(f"{stage} {version}" for stage, version in sorted(plan.get("code", {}).items()))
    return [("study", data.study.name), ("plan digest", data.study.digest), ("Git commit", commit), ("code", code or "not recorded")]


def counts(data: StudyData) -> list[tuple[str, str]]:
    """How much was run and scored."""
    study = data.study
    trajectories = read_table(study.path("trajectories"), "trajectories", ["run", "epoch", "real"])
    scores = read_table(study.path("run_scores"), "run_scores", ["task", "metric", "items"], [("task", "in", list(study.splits))])
    items = int(scores.loc[scores["metric"] != "nll", "items"].sum())
    attempted = trajectories["epoch"] > 0
    return [
        ("runs", f"{len(study.runs):,}"),
        ("updates", f"{int(trajectories['real'].sum()):,} done, {int((attempted & ~trajectories['real']).sum()):,} skipped or diverged"),
        ("tasks and splits", f"{sum(map(len, study.splits.values()))}"),
        ("items scored, checkpoints counted separately", f"{items:,}"),
    ]


def models(data: StudyData) -> list[dict[str, str]]:
    """Label, role, parameters, key and weights digest of every model; what a missing provenance record would tell is left empty."""
    study = data.study
    bases = read_table(study.path("trajectories"), "trajectories", ["model", "epoch", "digest"], [("epoch", "==", 0)])
    digests = dict(zip(bases["model"], bases["digest"], strict=True))
    rows = []
    for name, label in study.models.items():
        entry = study.plan["models"][name]
        record = read_optional(Path(entry["folder"]) / "provenance.json")
        parameters = entry.get("parameters") or record.get("parameters")
        rows.append(
            {
                "name": name,
                "label": label,
                "role": entry["role"],
                "parameters": f"{parameters:,}" if isinstance(parameters, int) else "",
                "key": str(entry["key"]),
                "weights": str(digests.get(name) or record.get("weights") or ""),
            }
        )
    return rows


def fetched(lock: dict[str, Any]) -> list[dict[str, str]]:
    """Every repository that something was fetched from, by the study's lock: revision, licence as its card states it, files, and for what."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for name, entry in entries(lock).items():
        for origin in entry["fetched"]:
            row = {part: str(origin[part]) for part in ("kind", "id", "revision")}
            row |= {"licence": origin["licence"] or "not stated", "files": ", ".join(origin["files"]) or "streamed"}
            known = rows.setdefault(tuple(row.values()), {**row, "for": ""})
            known["for"] = ", ".join(filter(None, (known["for"], name)))
    return list(rows.values())


def environments(data: StudyData) -> list[tuple[str, str, str]]:
    """Package, its version where runs were computed (by their provenance records), and where this page was written."""
    provenance = [read_optional(Path(path).with_suffix(".provenance.json")) for path in data.study.plan["trajectories"]]
    computed: dict[str, set[str]] = {}
    for record in provenance:
        for package, version in record.get("versions", {}).items():
            computed.setdefault(package, set()).add(version)
    here = versions()
    return [(package, ", ".join(sorted(computed.get(package, ()))), here.get(package, "")) for package in sorted({*computed, *here})]


def too_short(overlap: dict[str, Any]) -> tuple[int, int]:
    """Items that the check cannot see because they are shorter than its run of words, and all items."""
    entries = [entry for splits in overlap.get("tasks", {}).values() for entry in splits.values()]
    return sum(entry.get("too_short", 0) for entry in entries), sum(entry.get("items", 0) for entry in entries)
