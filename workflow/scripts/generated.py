"""Files that a script makes from code or pins: written, or with ``--check`` compared."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write_or_check(files: Mapping[str, str], cure: str) -> int:
    """Write the files (path from the root -> content) that differ; the exit code.

    With ``--check`` nothing is written, and where a file would change the code is 1 and ``cure`` is said.
    """
    stale = [name for name, text in files.items() if not (ROOT / name).exists() or (ROOT / name).read_text(encoding="utf-8") != text]
    if stale and "--check" in sys.argv:
        print(f"{', '.join(stale)}: not what would be made now; {cure}", file=sys.stderr)
        return 1
    for name in stale:
        (ROOT / name).write_text(files[name], encoding="utf-8")
        print(name)
    return 0
