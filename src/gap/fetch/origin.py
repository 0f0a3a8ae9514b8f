"""Where a fetched thing comes from, as records and the lock of a study name it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Origin:
    """Files of one repository at one revision.

    Parameters
    ----------
    kind: model or dataset: of the hub; github: a repository there; package: of the Python package index.
    revision: the commit, or the version of a package.
    licence: what the repository's card says of it; None where it says nothing.
    files: path in the repository -> SHA-256 of what was read; empty where rows were streamed.
    """

    kind: Literal["model", "dataset", "github", "package"]
    id: str
    revision: str
    licence: str | None = None
    files: dict[str, str] = field(default_factory=dict)
