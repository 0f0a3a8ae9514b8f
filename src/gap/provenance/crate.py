"""A finished study as a Workflow Run RO-Crate, by profile Provenance Run Crate 0.5: workflow, jobs, files, software, licences.

Version 0.5 rests on RO-Crate 1.1, and is the last one that rocrate-validator has checks for.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap import __version__
from gap.core.checksums import known_digest
from gap.core.digest import canonical
from gap.core.errors import BadInput, Unavailable
from gap.core.secrets import redacted
from gap.provenance.activities import activities_of
from gap.provenance.activity import Activity, check_files
from gap.provenance.chain import ROOTS
from gap.report import licences

if TYPE_CHECKING:
    from rocrate.model.entity import Entity
    from rocrate.rocrate import ROCrate

WORKFLOW = "workflow/Snakefile"
KINDS = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
#: What a run of the workflow reads beside it: parameters, rules of the verdicts, pins, terms.
READ = ("Snakefile", "params.yaml", "preregistration.yaml", "sources.lock.json", "constraints.txt", "CITATION.cff", "LICENSE")
CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
LICENCE = "https://spdx.org/licenses/Apache-2.0"
AUTHORS = "The gap-reproduction authors"
TYPES = {
    ".csv": "text/csv", ".json": "application/json", ".jsonl": "application/jsonl", ".md": "text/markdown", ".html": "text/html",
    ".pdf": "application/pdf", ".png": "image/png", ".yaml": "application/yaml", ".tex": "application/x-tex", ".txt": "text/plain",
    ".parquet": "application/vnd.apache.parquet", ".rst": "text/x-rst", ".sh": "application/x-sh",
}  # fmt: skip


@dataclass(frozen=True)
class Written:
    """What a crate holds: files in it, and files that it names by their digests alone."""

    copied: int
    named: int


def write_crate(plan: dict[str, Any], out: Path, largest: float, agent: str = "") -> Written:
    """Write the crate of a finished study into the new folder ``out``.

    Parameters
    ----------
    largest: bytes of a file that is still copied (infinity: of any); a larger one is named by its digest.
    agent: who ran the study; nobody is named where it is empty, since no record says.

    Raises
    ------
    BadInput: ``out`` holds something, or a file of the study is not here.
    Refused: a file is not what its record says.
    Unavailable: the package rocrate is not installed.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ModuleNotFoundError as error:
        cure = "Install what constraints.txt says: make install, or pip install rocrate."
        raise Unavailable("gap crate", f"no package {error.name}", "rocrate, which writes the crate", cure) from None
    if math.isnan(largest):
        raise BadInput("--largest", "not a number", "megabytes, or inf to copy all files", "Correct it.")
    if out.exists() and any(out.iterdir()):
        raise BadInput(str(out), "a folder that holds files", "a new or empty folder", "Name another one, or empty it.")
    activities = activities_of(plan)
    missing = [path for activity in activities.values() for path in activity.files if not Path(path).exists()]
    if missing:
        found = f"{len(missing)} files of the study are not here, such as {missing[0]}"
        cure = f"Get them with dvc pull, or make them: make STUDY={plan['study']['name']}."
        raise BadInput(f"study {plan['study']['name']}", found, "a finished study", cure)
    check_files(activities.values())
    crate = _Crate(ROCrate(version="1.1"), plan, largest)
    crate.fill(activities, agent)
    crate.crate.write(out)
    return Written(crate.copied, crate.named)


class _Crate:
    """A crate that is filled."""

    def __init__(self, crate: ROCrate, plan: dict[str, Any], largest: float) -> None:
        self.crate, self.plan, self.largest = crate, plan, largest
        self.copied, self.named = 0, 0
        self.files: dict[str, Entity] = {}

    def entity(self, id: str, kind: str, /, **properties: Any) -> Entity:
        """Add what is no file: an action, a program, a person, terms."""
        from rocrate.model.contextentity import ContextEntity

        said = {key: value for key, value in properties.items() if value not in (None, "", [])}
        said = {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in said.items()}
        return self.crate.add(ContextEntity(self.crate, id, properties={"@type": kind, **said}))

    def file(self, path: str, **properties: Any) -> Entity:
        """Add a file: copied, or where it is large, named by its digest (RFC 6920)."""
        if path not in self.files:
            source, sha256 = Path(path), known_digest(Path(path))
            size = source.stat().st_size
            said = {"name": path, "contentSize": str(size), "sha256": sha256, "encodingFormat": TYPES.get(source.suffix), **properties}
            said = {key: value for key, value in said.items() if value is not None}
            if size <= self.largest or source.parts[0] not in ROOTS:  # the workflow itself is always there
                self.copied += 1
                self.files[path] = self.crate.add_file(source, path, properties=said)
            else:
                self.named += 1
                digest = base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")
                named = f"ni:///sha-256;{digest}"
                self.files[path] = self.crate.get(named) or self.entity(named, "CreativeWork", description="Not in the crate.", **said)
        return self.files[path]

    def fill(self, activities: dict[str, Activity], agent: str) -> None:
        """Add everything."""
        times = sorted(
            activity.facts[name] for activity in activities.values() for name in ("started", "finished") if name in activity.facts
        )
        start = min((activity.facts["started"] for activity in activities.values() if "started" in activity.facts), default=None)
        self._root(times[-1] if times else None)
        workflow = self._workflow(activities)
        by = self.entity(f"#agent-{'-'.join(agent.split())}", "Person", name=agent) if agent else None
        actions = {name: self._action(activity, activities, by) for name, activity in activities.items() if activity.files}
        light = [path for entry in self.plan["stages"].values() for path in entry["outputs"]]
        run = self.entity(
            "#run", "CreateAction", name=f"Run of study {self.plan['study']['name']}", instrument=workflow,
            object=[self.file(path) for path in self._read()] + [self.files[name] for name in activities if name in self.files and not activities[name].inputs],
            result=[self.file(path) for path in light], description="All jobs of the study, in one or several calls of Snakemake.", startTime=start, endTime=times[-1] if times else None, agent=by,
        )  # fmt: skip
        controls = [
            self.entity(f"#control-{place}", "ControlAction", name=f"orchestrate {activity.stage}", instrument=self._how(activity.stage), object=actions[name])
            for place, (name, activity) in enumerate((name, activity) for name, activity in activities.items() if activity.files)
        ]  # fmt: skip
        engine = self.entity("#snakemake", "SoftwareApplication", name="Snakemake", softwareVersion=_version(activities, "snakemake"))
        self.entity("#engine-run", "OrganizeAction", name="Run of Snakemake", instrument=engine, object=controls, result=run, agent=by)
        self.crate.root_dataset["mentions"] = [run, *actions.values()]

    def _root(self, date: str | None) -> None:
        study = self.plan["study"]
        self.crate.metadata.extra_contexts.append(CONTEXT)
        self.entity(LICENCE, "CreativeWork", name="Apache License 2.0", identifier=LICENCE)
        profiles = [self.entity(id, "CreativeWork", name=name, version=id.rpartition("/")[2]) for id, name in PROFILES.items()]
        root = self.crate.root_dataset
        root["name"] = f"Study {study['name']}: {study['title']}"
        root["description"] = (
            f"A finished study of Gradient Ascent Post-training, plan {self.plan['digest']}: the Snakemake workflow, its parameters, "
            "every job by its provenance record, and what the jobs made."
        )
        root["license"], root["conformsTo"] = self.crate.get(LICENCE), profiles
        root["author"] = self.entity("#authors", "Organization", name=AUTHORS)
        if date:
            root["datePublished"] = date

    def _read(self) -> list[str]:
        results = f"results/{self.plan['study']['name']}"
        return [path for path in (*READ, f"{results}/plan.json", f"{results}/inputs.json") if Path(path).exists()]

    def _workflow(self, activities: dict[str, Activity]) -> Entity:
        """The Snakefile with its rules, and the commands that they call."""
        workflow = self.crate.add_workflow(
            WORKFLOW, WORKFLOW, main=True, lang="snakemake", lang_version=_version(activities, "snakemake"),
            properties={"@type": KINDS, "name": "Gradient Ascent Post-training, reproducibly", "license": {"@id": LICENCE}},
        )  # fmt: skip
        others = [
            path
            for path in sorted(Path("workflow").rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts and str(path) != WORKFLOW
        ]
        source = {"license": {"@id": LICENCE}}
        for path in others:
            self.file(str(path), **source, **({"@type": KINDS[:2]} if path.suffix == ".smk" else {}))
        packages = sorted({pair for activity in activities.values() for pair in activity.facts.get("versions", {}).items()})
        needs = [self.entity(f"#{name}-{version}", "SoftwareApplication", name=name, softwareVersion=version) for name, version in packages]
        stages = dict.fromkeys(activity.stage for activity in activities.values() if activity.files)
        tools = [
            self.entity(f"#tool-{stage}", "SoftwareApplication", name=f"gap, stage {stage}", softwareVersion=__version__, softwareRequirements=needs)
            for stage in stages
        ]  # fmt: skip
        how = [
            self.entity(f"#step-{stage}", "HowToStep", name=stage, position=str(place), workExample=tool)
            for place, (stage, tool) in enumerate(zip(stages, tools, strict=True))
        ]
        workflow["hasPart"], workflow["step"] = tools, how
        return workflow

    def _how(self, stage: str) -> Entity:
        return self.crate.get(f"#step-{stage}")

    def _action(self, activity: Activity, activities: dict[str, Activity], agent: Entity | None) -> Entity:
        """One job, by its record."""
        facts = activity.facts
        record = [self.file(activity.record)] if activity.record else []
        reads = [entity for name in activity.inputs for entity in self._things(activities[name])]
        return self.entity(
            f"#job-{activity.name}", "CreateAction", name=f"{activity.stage}: {activity.name}", instrument=self.crate.get(f"#tool-{activity.stage}"),
            object=reads, result=self._things(activity), startTime=facts.get("started"), endTime=facts.get("finished"), agent=agent,
            description=_description(facts), subjectOf=record,
        )  # fmt: skip

    def _things(self, activity: Activity) -> list[Entity]:
        """An activity's files; of a source, which has none, what it is."""
        if activity.files:
            terms = _terms(activity)
            return [self.file(path, license=terms) for path in activity.files]
        settings = activity.facts["settings"]
        name = f"#{activity.stage.replace(' ', '-')}"
        return [self.crate.get(name) or self.entity(name, "CreativeWork", name=activity.stage, description=canonical(activity.facts), license=licences.of_source(settings))]  # fmt: skip


def _terms(activity: Activity) -> str | None:
    """The licence of a model's or task's files; of what the study made, that of the crate holds."""
    settings = activity.facts.get("settings", {})
    if activity.stage == "models" and "model" in settings:
        return licences.of_model(settings["model"])
    return licences.of_task(settings["task"], settings["items"]) if activity.stage == "fetch-items" and "task" in settings else None


def _description(facts: dict[str, Any]) -> str:
    """Command, commit and machine of a record, in words."""
    git, machine = facts.get("git", {}), facts.get("machine", {})
    parts = {
        "command": redacted(" ".join(facts.get("command", []))),
        "commit": git.get("commit", "") + (" with changed files" if git.get("dirty") else ""),
        "machine": ", ".join(f"{name} {value}" for name, value in machine.items() if value not in (None, "")),
    }
    return "; ".join(f"{name}: {value}" for name, value in parts.items() if value) or "No record says how this was made."


def _version(activities: dict[str, Activity], package: str) -> str | None:
    """Versions of a package in the records."""
    found: Iterable[str] = sorted(
        {activity.facts["versions"][package] for activity in activities.values() if package in activity.facts.get("versions", {})}
    )
    return ", ".join(found) or None
