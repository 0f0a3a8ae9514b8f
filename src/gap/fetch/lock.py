"""The lock of a study: what was fetched for it, at which revision, with which hash and licence.

It is put together from the provenance records of the fetching stages and committed with the results.  Later stages read it and no
hub.  A file that a second fetch finds changed is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gap.core.checksums import record_of
from gap.core.errors import Refused, refusing
from gap.core.files import DAMAGED, read_object, write_json

#: Stage of a record -> part of the lock.
PARTS = {"models": "models", "tokenizers": "tokenizers", "corpora": "corpora", "fetch-items": "items"}
#: What an entry repeats of its record: ``sha256`` is that of the columns in use, as they are written for later stages.
FACTS = ("rows", "sha256", "weights", "parameters", "dtype")
#: What tells a file of an origin from all others: these, and its path.
NAMED = ("kind", "id", "revision")
File = tuple[str, ...]


def write_lock(outputs: Iterable[Path], out: Path) -> None:
    """Write the lock of a study as JSON: part -> name -> facts and ``fetched``, a list of ``gap.fetch.origin.Origin``.

    What has no record is listed under ``unrecorded``: tokenizers that were built before they had one.

    Parameters
    ----------
    outputs: the main files of models, tokenizers, corpora and items; a record lies beside each.
    out: the lock; where it exists, its files are held against those fetched now.

    Raises
    ------
    BadInput: a record is damaged, or not one of a fetching stage; the former lock is damaged.
    Refused: a file of the same repository and revision had another hash when the lock was written.
    """
    lock: dict[str, Any] = {**{part: {} for part in PARTS.values()}, "unrecorded": []}
    for path in outputs:
        beside = path if path.name == "provenance.json" else record_of(path)
        if not beside.exists():
            lock["unrecorded"].append(path.as_posix())
            continue
        with refusing(str(beside), "not the record of what was fetched", f"one of the stages {list(PARTS)}", DAMAGED):
            record = read_object(beside)
            part = PARTS[record["stage"]]
            fetched = record.get("fetched", [])
            list(_files_of(fetched))
            lock[part][_name(part, record["settings"])] = {**{fact: record[fact] for fact in FACTS if fact in record}, "fetched": fetched}
    if out.exists():
        cure = "Restore it (git checkout), or remove it if what is here now is to be trusted."
        with refusing(str(out), "not a lock of what was fetched", "one that gap lock-fetched wrote", cure):
            before = dict(_files(read_object(out, cure)))
        _compare(before, lock, out)
    write_json(out, lock)


def _name(part: str, settings: dict[str, Any]) -> str:
    return f"{settings['task']}/{settings['split']}" if part == "items" else str(settings["name"])


def _compare(before: Mapping[File, str], lock: dict[str, Any], out: Path) -> None:
    for file, sha256 in _files(lock):
        if before.get(file, sha256) != sha256:
            kind, id, revision, name = file
            allowed = f"{before[file]}, as when {out} was written"
            cure = f"Fetch it again from the hub itself. If the change is meant, remove {out}."
            raise Refused(f"{kind} {id} at {revision}, file {name}", f"SHA-256 {sha256}", allowed, cure)


def _files(lock: dict[str, Any]) -> Iterator[tuple[File, str]]:
    """Every file of a lock with its SHA-256."""
    for entry in entries(lock).values():
        yield from _files_of(entry["fetched"])


def _files_of(fetched: list[dict[str, Any]]) -> Iterator[tuple[File, str]]:
    for origin in fetched:
        for file, sha256 in origin["files"].items():
            yield (*(origin[name] for name in NAMED), file), sha256


def entries(lock: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """``part name`` -> entry, of all parts."""
    return {f"{part} {name}": entry for part in PARTS.values() for name, entry in lock.get(part, {}).items()}
