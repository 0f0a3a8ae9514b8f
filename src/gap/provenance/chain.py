"""The chain behind one file of a study: back to texts, models and items."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.checksums import record_of
from gap.core.digest import file_digest
from gap.core.errors import BadInput
from gap.provenance.activities import activities_of, behind
from gap.provenance.activity import Activity, check_files, table_activity

#: Folders with one below them per study.
ROOTS = ("results", "data", "figures", "checkpoints")
#: Parts of a record that repeat what ``files`` says, or are of use to the journal alone.
LEFT_OUT = ("identities", "outputs", "sha256")
#: Stages whose records do not name their code -> its unit.
UNITS = {
    "fetch-items": ("gap.fetch.items",),
    "tokenizer": ("gap.pretrain.build_tokenizer",),
    "models": ("gap.pretrain.build",),
    "corpora": ("gap.corpora.sample",),
}


@dataclass(frozen=True)
class Chain:
    """A file of a study and the activities behind it, the one that made it first; ``plan`` is the content of plan.json."""

    file: str
    plan: dict[str, Any]
    activities: dict[str, Activity]

    @property
    def activity(self) -> Activity:
        """The activity that made the file."""
        return next(iter(self.activities.values()))

    def as_json(self) -> dict[str, Any]:
        """All that is on record, for programs."""
        path = Path(self.file)
        return {
            "file": self.file,
            "sha256": file_digest(path) if path.is_file() else None,
            "study": self.plan["study"]["name"],
            "plan": self.plan["digest"],
            "made_by": self.activity.name,
            "activities": {name: self._entry(activity) for name, activity in self.activities.items()},
        }

    def _entry(self, activity: Activity) -> dict[str, Any]:
        facts = {name: value for name, value in activity.facts.items() if name not in LEFT_OUT}
        files = {path: {"sha256": digest or None, "here": Path(path).exists()} for path, digest in activity.files.items()}
        code = code_of(activity, self.plan)
        return {
            "stage": activity.stage,
            "record": activity.record or None,
            "code": code,
            "files": files,
            "inputs": list(activity.inputs),
            "facts": facts,
        }


def chain(name: str, plan: dict[str, Any]) -> Chain:
    """The chain behind a file of a study, a folder of one model or checkpoint, or a provenance record; ``plan`` is the study's.

    Raises
    ------
    BadInput: it is no result of the study; a record is damaged.
    Refused: the file, or one behind it, is not what its record says.
    """
    activities = activities_of(plan)
    made_by = _maker(activities, name)
    reached = {activity.name: activity for activity in behind(activities | {made_by.name: made_by}, made_by.name)}
    check_files(reached.values())
    return Chain(name, plan, reached)


def code_of(activity: Activity, plan: dict[str, Any]) -> dict[str, str]:
    """Units of code that made the activity's files, with their versions: by its record, else by plan.json, whose keys hold them."""
    recorded: dict[str, str] = activity.facts.get("settings", {}).get("code", {})
    names = plan["stages"].get(activity.stage, {}).get("code") or UNITS.get(activity.stage, ())
    known: dict[str, str] = plan["code"]
    return recorded or {name: version for name in names if (version := known.get(name) or known.get(activity.stage))}


def of_study(file: Path) -> tuple[str, str]:
    """The file's path in the project, and its study.

    Raises
    ------
    BadInput: it is not below the folders of a study here.
    """
    here = Path.cwd()
    path = file if file.is_absolute() else here / file
    parts = path.relative_to(here).parts if path.is_relative_to(here) else ()
    if len(parts) < 3 or parts[0] not in ROOTS or ".." in parts:
        allowed = f"a file below {', '.join(f'{root}/STUDY/' for root in ROOTS)}"
        raise BadInput(
            str(file), "not a file of a study of this folder", allowed, "Name one, from the project's folder: gap where lists them."
        )
    return "/".join(parts), parts[1]


def _maker(activities: dict[str, Activity], name: str) -> Activity:
    """The activity that made ``name``; a file of earlier settings has its record alone.

    Raises
    ------
    BadInput: none did, or ``name`` is a folder of several.
    """
    found = [activity for activity in activities.values() if name in (activity.record, *activity.files)]
    found = found or [activity for activity in activities.values() if any(path.startswith(f"{name}/") for path in activity.files)]
    if len(found) == 1:
        return found[0]
    path = Path(name)
    if not found and path.is_file() and record_of(path).exists():
        return table_activity("", name, ())
    problem = f"a folder of {len(found)} results" if found else "there, but no result of a job" if path.exists() else "no such file"
    allowed = "a figure, table, report, checkpoint, table of scores or another file that plan.json names"
    raise BadInput(name, problem, allowed, "Name one file: ls figures/STUDY results/STUDY/tables shows some.")
