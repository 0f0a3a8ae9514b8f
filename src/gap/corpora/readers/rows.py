"""Tables of documents: CSV, JSON lines, Parquet; one document per row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import read_jsonl

#: Longest CSV field in characters; Python's own limit (131072) is shorter than many documents.
LONGEST_FIELD = 2**31 - 1


@dataclass(frozen=True)
class Columns:
    """Names of the columns that hold text, identity (None: the row number) and title (None: there is none)."""

    text: str
    identity: str | None = None
    title: str | None = None

    @property
    def names(self) -> list[str]:
        """Those that are named."""
        return [name for name in (self.text, self.identity, self.title) if name is not None]


def read_rows(path: Path, kind: str, columns: Columns) -> Iterator[tuple[str, str, str]]:
    """(identity, title, text) of every row that holds text; rows are numbered from 0.

    Parameters
    ----------
    kind: csv (newlines inside fields are kept), jsonl or parquet.

    Raises
    ------
    BadInput: not a readable file of that kind, no such column, a value that is no text, or no rows.
    """
    if not path.is_file():
        raise BadInput(str(path), "not a file", f"a {kind} file", "Name a file, not a folder.")
    rows = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[kind](path, columns.names)
    yield from read_columns(rows, str(path), columns)


def read_columns(rows: Iterable[dict[str, Any]], where: str, columns: Columns) -> Iterator[tuple[str, str, str]]:
    """(identity, title, text) of rows; those whose text is blank are passed over but counted.

    Raises
    ------
    BadInput: a row lacks a column or holds something else than text there; there is no row.
    """
    number = -1
    for number, row in enumerate(rows):
        for name in columns.names:
            if name not in row:
                raise missing(where, name, list(row))
        text = row[columns.text]
        if not isinstance(text, str):
            raise BadInput(
                f"{where}, row {number}, column {columns.text!r}", f"a {type(text).__name__}", "text", "Mend or remove that row."
            )
        title = "" if columns.title is None or row[columns.title] is None else str(row[columns.title])
        for name, value in ((columns.text, text), (columns.title or "", title)):
            if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
                raise BadInput(
                    f"{where}, row {number}, column {name!r}",
                    "half of a surrogate pair",
                    "text that UTF-8 can hold",
                    "Mend or remove that row.",
                )
        if text.strip():
            yield (str(number) if columns.identity is None else str(row[columns.identity])), title, text
    if number < 0:
        raise BadInput(where, "no rows", "at least one row", "Fill the file or name another.")


def missing(where: str, column: str, columns: Sequence[str]) -> BadInput:
    """The error for a column that is not there."""
    return BadInput(
        where,
        f"no column {column!r} among {sorted(columns)}",
        "a column of the file",
        "Set `column` (or `id_column`, `title_column`) to one of those.",
    )


def _csv(path: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(LONGEST_FIELD)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            header = reader.fieldnames or []
            for name in names:
                if header and name not in header:
                    raise missing(str(path), name, header)
            yield from reader
    except UnicodeDecodeError as error:
        raise BadInput(str(path), f"not UTF-8 ({error})", "UTF-8 text", "Convert the file to UTF-8.") from error
    except csv.Error as error:
        raise BadInput(
            f"{path}, line {reader.reader.line_num}", f"not CSV ({error})", "comma-separated values, quotes doubled", "Mend that line."
        ) from error


def _jsonl(path: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield from read_jsonl(path)


def _parquet(path: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            header = file.schema_arrow.names
            for name in names:
                if name not in header:
                    raise missing(str(path), name, header)
            for batch in file.iter_batches(batch_size=1024, columns=list(names)):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise BadInput(str(path), f"not a readable Parquet file ({error})", "Parquet", "Fetch or write the file again.") from error
