"""Who is at work on a study in this folder: also what outlived the Snakemake or DVC that started it.

Each process holds a lock on a file of its own until it ends, however it ends.  The workflow names its study to its jobs in the
environment; a command typed by hand announces nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from gap.core.errors import BadInput, Refused, Unavailable
from gap.core.files import read_object, write_json

ROOT = Path(".gap/running")
#: Where Snakemake keeps its locks; a killed one leaves them.
LOCKS = Path(".snakemake/locks")
#: The environment variable in which the workflow names its study to its jobs.
VARIABLE = "GAP_STUDY"

#: Descriptors of locked files; they stay open until the process ends.
_held: list[int] = []


@dataclass(frozen=True)
class Running:
    """A process at work: a command and where it runs; started: in UTC."""

    study: str
    command: str
    host: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid} on {self.host}, since {self.started})"


def announce(study: str, command: str) -> None:
    """Say that this process is at work on a study, until it ends.  Where no lock can be had, nobody is told."""
    process = Running(study, command, socket.gethostname(), os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))
    path = ROOT / f"{process.host}-{process.pid}.json"
    forming = path.with_suffix(".tmp")
    with contextlib.suppress(OSError, Unavailable):
        ROOT.mkdir(parents=True, exist_ok=True)
        write_json(forming, asdict(process))
        descriptor = os.open(forming, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _held.append(descriptor)
        forming.rename(path)  # locked before anybody looks at it


def running(study: str | None = None) -> list[Running]:
    """The other processes at work on a study (None: on any), Snakemake first; what ended ones left is removed."""
    found = []
    for path in sorted(ROOT.glob("*.json")):
        with contextlib.suppress(OSError, BadInput, TypeError):
            if _has_ended(path):
                path.unlink()
            else:
                found.append(Running(**read_object(path)))
    here = socket.gethostname(), os.getpid()  # a process of another host or container may have this one's number
    others = (each for each in found if study in (None, each.study) and (each.host, each.pid) != here)
    return sorted(others, key=lambda each: each.command, reverse=True)


def _has_ended(path: Path) -> bool:
    with path.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def check_alone(study: str) -> None:
    """Refuse to start beside processes that are at work on the study.

    Raises
    ------
    Refused: there are some; they are named.
    """
    if found := running(study):
        raise Refused(
            f"study {study}",
            f"still at work on it: {', '.join(map(str, found))}",
            "one run of a study at a time in a folder",
            f"Wait until it has ended, what it finishes is kept; or end it: kill {' '.join(str(each.pid) for each in found)}. "
            "Then start the same command again.",
        )


def locks_are_left() -> bool:
    """Whether Snakemake's locks are those of a killed one: there are some, and nobody is at work in this folder.  Changes no file."""
    with contextlib.suppress(OSError):
        return any(LOCKS.glob("*.lock")) and all(map(_has_ended, ROOT.glob("*.json")))
    return False


def release_locks() -> int:
    """Remove Snakemake's locks where nobody is left who could hold them; how many were removed.

    Call it after ``announce``: a Snakemake that starts now sees this process, and leaves its locks alone.
    """
    if not _held or running():
        return 0
    locks = list(LOCKS.glob("*.lock"))
    for path in locks:
        path.unlink(missing_ok=True)
    return len(locks)
