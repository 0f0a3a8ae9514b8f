"""SHA256SUMS: what a folder of ours held when it was made, for every reader and for ``sha256sum --check``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from gap.core.digest import file_digest
from gap.core.errors import BadInput
from gap.core.files import beside, read_object, write_text

SUMS = "SHA256SUMS"


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of each file of ``folder``."""
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    write_text(folder / SUMS, "".join(f"{file_digest(path)}  {path.name}\n" for path in paths))


def check_sums(paths: Iterable[Path]) -> None:
    """Hold files to the SHA256SUMS of their folders; a file that is not there or not listed passes.

    Raises
    ------
    BadInput: a file has changed since its folder was made.
    """
    for path in paths:
        _compare(path, read_sums(path.parent).get(path.name), SUMS)


def record_of(path: Path) -> Path:
    """The provenance record of a file that shares its folder with others."""
    return beside(path, f"{path.stem}.provenance.json")


def check_record(path: Path) -> None:
    """Hold a file to the ``sha256`` of the provenance record beside it (``<stem>.provenance.json``), where there is one.

    Raises
    ------
    BadInput: the file has changed since it was made.
    """
    record = record_of(path)
    if record.exists():
        _compare(path, read_object(record).get("sha256"), record.name)


def _compare(path: Path, recorded: str | None, record: str) -> None:
    if recorded and path.exists() and (found := known_digest(path)) != recorded:
        raise BadInput(
            str(path),
            f"changed since it was made (SHA-256 {found[:12]}...)",
            f"{recorded[:12]}..., as {record} beside it says",
            f"Remove the file and run again. If the change is meant, remove {record} instead.",
        )


def read_sums(folder: Path) -> dict[str, str]:
    """Name -> digest; empty where the folder has no SHA256SUMS."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        raise BadInput(
            str(folder / SUMS), "not UTF-8", "lines of a digest and a file name", "Remove it, or make the folder again."
        ) from error
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def known_digest(path: Path) -> str:
    """SHA-256 of a file; read once per process while size and time stay as they are."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1024)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    return file_digest(path)
