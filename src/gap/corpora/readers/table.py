"""Sources that are one CSV, JSONL or Parquet file: a document per row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import read_csv, read_jsonl
from gap.core.locations import existing
from gap.core.unicode import is_utf8
from gap.corpora.readers import Document
from gap.params.sources import TableSource

Row = dict[str, Any]
CURE = "Mend or remove that row."


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


def read(source: TableSource, seed: int) -> Iterator[Document]:
    """The rows of the file that hold text, numbered from 0; newlines inside the fields of a CSV are kept.

    Raises
    ------
    BadInput: not a readable file of that kind, no such column, a value that is no text, or no rows.
    """
    path = existing(source.path)
    columns = Columns(source.column, source.id_column, source.title_column)
    if not path.is_file():
        raise BadInput(str(path), "not a file", f"a {source.kind} file", "Name a file, not a folder.")
    open_rows: dict[str, Callable[[], Iterable[Row]]] = {
        "csv": lambda: read_csv(path),
        "jsonl": lambda: read_jsonl(path),
        "parquet": lambda: _parquet_rows(path, columns.names),
    }
    return documents_of_rows(open_rows[source.kind](), str(path), columns, path.name)


def documents_of_rows(rows: Iterable[Row], where: str, columns: Columns, source: str) -> Iterator[Document]:
    """A document per row; rows whose text is blank are passed over but counted.

    Parameters
    ----------
    where: the table in words, for errors.
    source: the documents' source.

    Raises
    ------
    BadInput: a row lacks a column or holds something else than text there; there is no row.
    """
    number = -1
    for number, row in enumerate(rows):
        _check_columns(where, columns.names, row)
        text = row[columns.text]
        if not isinstance(text, str):
            raise BadInput(f"{where}, row {number}, column {columns.text!r}", f"a {type(text).__name__}", "text", CURE)
        title = "" if columns.title is None or row[columns.title] is None else str(row[columns.title])
        for name, value in ((columns.text, text), (columns.title or "", title)):
            if not is_utf8(value):
                raise BadInput(f"{where}, row {number}, column {name!r}", "half of a surrogate pair", "text that UTF-8 can hold", CURE)
        if text.strip():
            yield Document(str(number if columns.identity is None else row[columns.identity]), text, source, title)
    if number < 0:
        raise BadInput(where, "no rows", "at least one row", "Fill the file or name another.")


def _check_columns(where: str, names: Iterable[str], columns: Collection[str]) -> None:
    """Refuse a table that lacks one of the columns ``names``."""
    for name in names:
        if name not in columns:
            cure = "Set `column` (or `id_column`, `title_column`) to one of those."
            raise BadInput(where, f"no column {name!r} among {sorted(columns)}", "a column of the file", cure)


def _parquet_rows(path: Path, names: Collection[str]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_columns(str(path), names, file.schema_arrow.names)
            if any(file.schema_arrow.names.count(name) > 1 for name in names):
                raise BadInput(str(path), "two columns of one name", "columns with names of their own", "Rename one of them.")
            for batch in file.iter_batches(batch_size=1024, columns=list(names)):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadInput(str(path), f"not a readable Parquet file ({error})", "Parquet", "Fetch or write the file again.") from error
