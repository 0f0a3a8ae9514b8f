"""Content digests of input files that parameters only name by path.

A key made of a path alone would not notice an edited file.  Where the file is at hand its SHA-256 is taken (and kept in
``sources.lock.json``, which belongs into Git); where it is not, as in a clone that pulled the results, the lock speaks.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gap.core.digest import digest, file_digest
from gap.core.errors import BadInput, Unavailable
from gap.core.files import read_object, write_json
from gap.core.locations import CORRECT_PATH, files_at, locate

LOCK = Path("sources.lock.json")
RESTORE = f"Restore it: git checkout -- {LOCK}. Without it results whose inputs are not at hand would get another key."
CACHE = Path(".gap/fingerprints.json")


def read_lock() -> dict[str, str]:
    """The lock file: name of an input -> digest.

    Raises
    ------
    BadInput: it is damaged, or an entry is no digest.
    """
    entries = read_object(LOCK, RESTORE) if LOCK.exists() else {}
    for name, entry in entries.items():
        if not isinstance(entry, str):
            raise BadInput(f"{LOCK}, {name}", ascii(entry), "a digest of 12 hex digits", RESTORE)
    return entries


def read_cache() -> dict[str, list[Any]]:
    """Digests taken earlier: path of a file -> size, time, digest; what cannot be read counts as never taken."""
    try:
        entries = read_object(CACHE)
    except BadInput:
        return {}
    return {path: entry for path, entry in entries.items() if isinstance(entry, list) and len(entry) == 3}


class Fingerprints:
    """Digests of named inputs, remembered between calls by size and time."""

    def __init__(self) -> None:
        self.lock = read_lock()
        self.before = dict(self.lock)
        #: What was asked for: input -> digest, and the Python whose own text is read.
        self.used: dict[str, str] = {}
        self.cache = read_cache()
        self.cached = dict(self.cache)

    def of(self, path: str) -> str:
        """Digest of the file, folder or glob pattern that ``path`` names.

        Raises
        ------
        BadInput: nothing is there and the lock does not know it.
        Unavailable: it lies in a mirror, none is configured, and the lock does not know it.
        """
        return self.named(path, lambda: files_at(path))

    def of_file(self, path: str) -> str:
        """Digest of a file.

        Raises
        ------
        BadInput: as ``of``, or it is a folder.
        """
        return self._of_kind(path, Path.is_dir, "a folder", "a file")

    def of_folder(self, path: str) -> str:
        """Digest of a folder.

        Raises
        ------
        BadInput: as ``of``, or it is a file.
        """
        return self._of_kind(path, Path.is_file, "a file", "a folder")

    def _of_kind(self, path: str, is_other: Callable[[Path], bool], other: str, kind: str) -> str:
        try:
            place = locate(path)
        except Unavailable:
            return self.of(path)
        if is_other(place):
            raise BadInput(path, f"{other} at {place}", kind, CORRECT_PATH)
        return self.of(path)

    def named(self, name: str, look: Callable[[], dict[str, Path]]) -> str:
        """Digest of the files that ``look`` finds (name -> file); where it finds none, what the lock says of ``name``."""
        try:
            files = look()
        except (BadInput, Unavailable):
            if name not in self.lock:
                raise
        else:
            self.lock[name] = digest({short: self._digest(file) for short, file in files.items()})
        self.used[name] = self.lock[name]
        return self.lock[name]

    def python(self) -> str:
        """Version of the Python at work, whose documentation and code are text too."""
        self.used["Python"] = platform.python_version()
        return self.used["Python"]

    def _digest(self, file: Path) -> str:
        status = file.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        known = self.cache.get(str(file.resolve()))
        if known and known[:2] == stamp:
            return str(known[2])
        self.cache[str(file.resolve())] = [*stamp, file_digest(file)]
        return str(self.cache[str(file.resolve())][2])

    def save(self) -> None:
        """Write lock and cache where they changed."""
        if self.lock != self.before:
            write_json(LOCK, self.lock)
        if self.cache != self.cached:
            write_json(CACHE, self.cache)
