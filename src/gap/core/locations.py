"""Finding input files: plain paths, or ``mirror:...`` relative to the folder named by the environment variable GAP_MIRROR."""

from __future__ import annotations

import os
from pathlib import Path

from gap.core.errors import BadInput, Unavailable

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
    Unavailable: the path starts with ``mirror:`` and no mirror is configured.
    """
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
    BadInput: there is no such file or folder.
    """
    located = locate(path)
    if not located.exists():
        raise BadInput(path, f"nothing at {located}", "an existing file or folder", CORRECT_PATH)
    return located
