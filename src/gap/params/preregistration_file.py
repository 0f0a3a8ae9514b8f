"""From preregistration.yaml to the rules of one study; by itself, so that judging claims does not import all settings."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.params.load import lay_over, mapping, read_params
from gap.params.preregistration import FILE, check


def read_preregistration(study: str, path: Path = FILE) -> dict[str, Any]:
    """The rules of ``study``: its entry under ``studies`` laid over the ``default``; empty where there is no file.

    Raises
    ------
    BadInput: the file holds something else than the rules.
    """
    if not path.exists():
        return {}
    raw = _read(path)
    own = mapping(mapping(raw.get("studies"), f"{path}, key 'studies'").get(study), f"{path}, key 'studies.{study}'")
    return check(lay_over(mapping(raw.get("default"), f"{path}, key 'default'"), own), study, str(path)).model_dump(mode="json")


def check_preregistered(studies: Collection[str], path: Path = FILE) -> None:
    """Make sure that the file speaks of these studies alone: under a misspelt name a study would be judged by the default.

    Raises
    ------
    BadInput: it names another study, or holds something else than the rules.
    """
    named = mapping(_read(path).get("studies"), f"{path}, key 'studies'") if path.exists() else {}
    if unknown := sorted(name for name in map(str, named) if name not in studies):
        cure = "Correct its spelling, or remove it."
        raise BadInput(f"{path}, key 'studies.{unknown[0]}'", "no study of that name", f"one of {sorted(studies)}", cure)


def _read(path: Path) -> dict[str, Any]:
    raw = read_params(path)
    if unknown := sorted(map(str, set(raw) - {"default", "studies"})):
        cure = "Remove it or correct its spelling."
        raise BadInput(str(path), f"the unknown key {unknown[0]!r}", "the keys 'default' and 'studies'", cure)
    return raw
