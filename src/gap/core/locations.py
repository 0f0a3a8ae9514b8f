"""Finding input files: plain paths, or ``mirror:...`` relative to the folder named by the environment variable GAP_MIRROR."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from gap.core.errors import BadInput, Unavailable
from gap.core.unicode import is_utf8

VARIABLE = "GAP_MIRROR"
PREFIX = "mirror:"
#: What was fetched and is kept, so that it is fetched once.
DOWNLOADS = Path(".gap/downloads")
CORRECT_PATH = f"Correct the path where it is named, in params.yaml or in the module of a task (or {VARIABLE})."


def mirror() -> Path | None:
    """The local mirror of public data, if one is configured."""
    value = os.environ.get(VARIABLE)
    return Path(value) if value else None


def locate(path: str) -> Path:
    """The file or folder that a parameter names (it may not exist yet).

    Raises
    ------
    BadInput: it is empty, which would be the current folder.
    Unavailable: the path starts with ``mirror:`` and no mirror is configured.
    """
    if not path:
        raise BadInput("path ''", "empty", "a file or folder; . is the current one", CORRECT_PATH)
    if not path.startswith(PREFIX):
        return Path(path)
    root = mirror()
    if root is None:
        raise Unavailable(
            path,
            f"no local mirror: {VARIABLE} is not set",
            "a folder that holds this path",
            f"Set {VARIABLE}=/path/to/mirror, or name a path without {PREFIX!r}.",
        )
    return root / path.removeprefix(PREFIX)


def existing(path: str) -> Path:
    """``locate(path)``, which must exist.

    Raises
    ------
    BadInput: there is no such file or folder, or the path is empty.
    """
    located = locate(path)
    if not located.exists():
        raise BadInput(path, f"nothing at {located}", "an existing file or folder", CORRECT_PATH)
    return located


def files_at(path: str) -> dict[str, Path]:
    """Name -> file, sorted: the file that ``path`` names, all files below the folder, or those that match the pattern (``**`` for any folders).

    Names are relative to the folder, or to the part of the pattern in front of its first wildcard.

    Raises
    ------
    BadInput: there is none, the path is empty, or a name is not UTF-8, which no record could hold.
    Unavailable: as ``locate``.
    """
    place = locate(path)
    if place.is_file():
        return {place.name: place}
    root, found = place, sorted(place.rglob("*"))
    if not place.is_dir():
        root = next(parent for parent in place.parents if not glob.has_magic(str(parent)))
        found = sorted(map(Path, glob.glob(str(place), recursive=True)))
    files = {str(file.relative_to(root)): file for file in found if file.is_file()}
    if not files:
        raise BadInput(path, f"nothing at {place}", "an existing file, folder or pattern", CORRECT_PATH)
    if strange := next((name for name in files if not is_utf8(name)), None):
        raise BadInput(path, f"a file called {os.fsencode(strange)!r}", "names in UTF-8", "Rename the file.")
    return files
