"""Writing files so that a killed job never leaves half of one.

Every output is written to a temporary name in the same folder and renamed.  This also keeps read-only links (DVC's) safe:
the link is replaced, never written through.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gap.core.errors import BadInput, Unavailable

#: Longest CSV field in characters; Python's own limit (131072) is shorter than many documents.
LONGEST_FIELD = 2**31 - 1
#: Errors that mean: no room, or no permission to write.
NOT_WRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})


def beside(path: Path, name: str) -> Path:
    """The file or folder of this name in the folder of ``path``.

    Raises
    ------
    BadInput: ``path`` has no last part that could be another, as the empty path, ``.`` and ``/``.
    """
    if not Path(path).name:
        raise BadInput(f"path {str(path)!r}", "no name of a file or folder", "a path that ends with a name", "Correct the path.")
    return Path(path).with_name(name)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block ends well.

    Raises
    ------
    BadInput: something else than a file is there, or it is one of the system's own (a renaming would put a file in the place of a device).
    Unavailable: the disk is full or the folder cannot be written; what stood at ``path`` is untouched.
    """
    path = Path(path)
    temporary = beside(path, f".{path.name}.{os.getpid()}.tmp")
    if (path.exists() and not path.is_file()) or os.path.realpath(path.parent) == "/dev":
        found = "a folder" if path.is_dir() else "a device, or a place for one"
        raise BadInput(str(path), found, "the path of a file, there already or not", "Name another one.")
    with having_room(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def temporaries(path: Path) -> list[Path]:
    """What killed processes left beside ``path`` when they wrote it, also a temporary file of a temporary file."""
    name = re.compile(rf"\.+{re.escape(path.name)}(\.\d+\.tmp)+")
    return [other for other in path.parent.glob(".*.tmp") if name.fullmatch(other.name)]


@contextlib.contextmanager
def writing_together(folder: Path, last: str = "") -> Iterator[Path]:
    """Yield a temporary folder beside ``folder``; when the block ends well its files replace those of the same names there, ``last`` at the end.

    Raises
    ------
    Unavailable: the disk is full or the folder cannot be written.
    """
    temporary = beside(folder, f".{folder.name}.{os.getpid()}.tmp")
    with having_room(folder):
        try:
            shutil.rmtree(temporary, ignore_errors=True)  # of a killed process with this number
            temporary.mkdir(parents=True)
            yield temporary
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(temporary.iterdir(), key=lambda path: (path.name == last, path.name)):
                os.replace(path, folder / path.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def having_room(path: Path) -> Iterator[None]:
    """Say of a full disk, or of a place that this user may not write, what helps.

    Raises
    ------
    Unavailable: ``path`` cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        raise no_room(path, error) from error


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


#: What to do about a file of ours that is damaged, and about one that is not there.
DAMAGED = "Remove it and run again."
ABSENT = "Run the study again, which makes what is missing, or get it with dvc pull."


def read_json(path: Path, cure: str = "") -> Any:
    """Read a JSON file.

    Raises
    ------
    BadInput: it is missing, not a file, not UTF-8 or not JSON; with ``cure``, else ``ABSENT`` or ``DAMAGED``.
    """
    try:
        return parse_json(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(str(path), "no such file", "a JSON file", cure or ABSENT) from error
    except (OSError, ValueError) as error:
        raise BadInput(str(path), f"not a readable JSON file ({error})", "UTF-8 JSON", cure or DAMAGED) from error


#: What JSON calls a value of a type that an object's field may have to be of.
KINDS: dict[type, str] = {dict: "object", str: "string"}


def read_object(path: Path, cure: str = "", fields: Mapping[str, type] = MappingProxyType({})) -> dict[str, Any]:
    """Read a JSON file that holds an object with at least these ``fields``: key -> type.

    Raises
    ------
    BadInput: as ``read_json``, or it holds something else.
    """
    content = read_json(path, cure)
    if not isinstance(content, dict):
        raise BadInput(str(path), f"a JSON {type(content).__name__}", "a JSON object", cure or DAMAGED)
    for key, kind in fields.items():
        if not isinstance(content.get(key), kind):
            found = f"a JSON {type(content[key]).__name__}" if key in content else "not there"
            raise BadInput(f"{path}, key {key!r}", found, f"a JSON {KINDS[kind]}", cure or DAMAGED)
    return content


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises
    ------
    ValueError: it is not JSON, nested too deeply, or holds half of a surrogate pair, which is no text.
    """
    try:
        value = json.loads(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"half of a surrogate pair, {error.object[error.start : error.end]!a}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines, split on ``\\n`` only (some sets hold Unicode line separators inside strings).

    Raises
    ------
    BadInput: the file is missing or not UTF-8, or a line is not a JSON object.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BadInput(str(path), f"not UTF-8 ({error})", "UTF-8 text", "Convert the file to UTF-8.") from error
    except OSError as error:
        raise BadInput(str(path), os.strerror(error.errno or 0).lower(), "a JSONL file", "Check the path or GAP_MIRROR.") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise BadInput(f"{path}, line {number}", f"not JSON ({error})", "one JSON object per line", "Mend that line.") from error
        if not isinstance(row, dict):
            raise BadInput(f"{path}, line {number}", f"a {type(row).__name__}", "a JSON object", "Mend that line.")
        rows.append(row)
    return rows


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file with a header; line ends inside quoted fields stay as they are.

    Raises
    ------
    BadInput: the file is not UTF-8 or not CSV, a column has no name or that of another, or a row has more or fewer fields than
        there are columns: a text with a comma that stands in no quotes would be cut without a word.
    """
    csv.field_size_limit(LONGEST_FIELD)
    reader = None
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            for name in header:
                if not name.strip() or header.count(name) > 1:
                    cure = "Give each column a name of its own."
                    raise BadInput(f"{path}, header", f"column {name!r} {header.count(name)} times", "named columns, each once", cure)
            for row in reader:
                if row and len(row) != len(header):
                    where, found = f"{path}, line {reader.line_num}", f"{len(row)} fields"
                    raise BadInput(
                        where, found, f"{len(header)}, as in the header", "Put fields with commas, quotes or line ends in quotes."
                    )
                if row:
                    yield dict(zip(header, row, strict=True))
    except UnicodeDecodeError as error:
        raise BadInput(str(path), f"not UTF-8 ({error})", "UTF-8 text", "Convert the file to UTF-8.") from error
    except OSError as error:
        raise BadInput(str(path), os.strerror(error.errno or 0).lower(), "a CSV file", "Check the path or GAP_MIRROR.") from error
    except csv.Error as error:
        where = f"{path}, line {reader.line_num if reader else 1}"
        raise BadInput(where, f"not CSV ({error})", "comma-separated values, quotes doubled", "Mend that line.") from error


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write one JSON object per line."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
