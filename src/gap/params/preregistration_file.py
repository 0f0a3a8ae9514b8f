"""From preregistration.yaml to the rules of one study; by itself, so that judging claims does not import all settings."""

from __future__ import annotations

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
    raw = read_params(path)
    unknown = sorted(map(str, set(raw) - {"default", "studies"}))
    if unknown:
        raise BadInput(
            str(path), f"the unknown key {unknown[0]!r}", "the keys 'default' and 'studies'", "Remove it or correct its spelling."
        )
    own = mapping(mapping(raw.get("studies"), f"{path}, key 'studies'").get(study), f"{path}, key 'studies.{study}'")
    return check(lay_over(mapping(raw.get("default"), f"{path}, key 'default'"), own), study, str(path)).model_dump(mode="json")
