"""An activity: what one provenance record is about, or what a study starts from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gap.core.checksums import SUMS, known_digest, read_sums, record_of
from gap.core.errors import Refused
from gap.core.files import read_object

CURE = "Remove it, and run the study again: it is then written anew."


@dataclass(frozen=True)
class Activity:
    """Files that were made together.

    stage: as its record calls it; files: path -> SHA-256 on record, empty where none is; inputs: names of the activities that it reads;
    record: path of the provenance record, empty where the activity has none; facts: what the record says, or the settings of a source.
    """

    stage: str
    files: dict[str, str]
    inputs: tuple[str, ...] = ()
    record: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What other activities know it by: its first file, or for a source its stage."""
        return next(iter(self.files), self.stage)


def table_activity(stage: str, path: str, inputs: Iterable[str]) -> Activity:
    """A file with its record beside it.

    Raises
    ------
    BadInput: the record is damaged.
    """
    record = record_of(Path(path))
    facts = read_record(record)
    return Activity(facts.get("stage", stage), {path: facts.get("sha256", "")}, tuple(inputs), str(record) if facts else "", facts)


def folder_activity(stage: str, folder: Path, inputs: Iterable[str], main: str) -> Activity:
    """A folder with SHA256SUMS, and mostly provenance.json; ``main`` is the file that it is known by.

    Raises
    ------
    BadInput: the record is damaged.
    """
    record = folder / "provenance.json"
    facts, sums = read_record(record), read_sums(folder)
    names = [main, *(name for name in sums if name != main)]
    files = {str(folder / name): sums.get(name, "") for name in names}
    return Activity(facts.get("stage", stage), files, tuple(inputs), str(record) if facts else "", facts)


def read_record(path: Path) -> dict[str, Any]:
    """A provenance record; empty where there is none.

    Raises
    ------
    BadInput: it is no JSON object, or lacks what every record says.
    """
    return read_object(path, CURE, {"stage": str}) if path.exists() else {}


def check_files(activities: Iterable[Activity]) -> None:
    """Hold the activities' files, as far as they are here, to the digests on record.

    Raises
    ------
    Refused: a file has another digest.
    """
    for activity in activities:
        for name, recorded in activity.files.items():
            path = Path(name)
            if recorded and path.is_file() and (found := known_digest(path)) != recorded:
                where = activity.record or str(path.parent / SUMS)
                cure = "Restore it (git checkout, dvc checkout), or remove it and run the study again."
                raise Refused(name, f"changed since it was made (SHA-256 {found[:12]})", f"{recorded[:12]}, as {where} says", cure)
