"""Writing files so that a killed job never leaves half of one.

Every output is written to a temporary name in the same folder and renamed.  This also keeps read-only links (DVC's) safe:
the link is replaced, never written through.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput, Unavailable

#: Errors that mean: no room, or no permission to write.
NOT_WRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block ends well.

    Raises
    ------
    Unavailable: the disk is full or the folder cannot be written; what stood at ``path`` is untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        raise no_room(path, error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def no_room(path: Path, error: OSError) -> Unavailable:
    """The error for a path that cannot be written."""
    return Unavailable(
        str(path),
        f"could not be written ({os.strerror(error.errno or 0)})",
        "a folder with write permission and free space",
        "Free some space or point the output elsewhere, then start the same command again: finished work is kept.",
    )


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text in one step, with ``\\n`` line ends."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; ``BadInput`` when it is missing or not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(str(path), f"not a readable JSON file ({error})", "UTF-8 JSON", "Remove it and run again.") from error


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines, split on ``\\n`` only (some sets hold Unicode line separators inside strings)."""
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except FileNotFoundError as error:
        raise BadInput(str(path), "no such file", "a JSONL file", "Check the path or GAP_MIRROR.") from error
    except UnicodeDecodeError as error:
        raise BadInput(str(path), f"not UTF-8 ({error})", "UTF-8 text", "Convert the file to UTF-8.") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadInput(f"{path}, line {number}", f"not JSON ({error})", "one JSON object per line", "Mend that line.") from error
        if not isinstance(row, dict):
            raise BadInput(f"{path}, line {number}", f"a {type(row).__name__}", "a JSON object", "Mend that line.")
        rows.append(row)
    return rows


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write one JSON object per line."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
