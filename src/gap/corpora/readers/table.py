"""Sources that are one CSV, JSONL or Parquet file."""

from __future__ import annotations

from collections.abc import Iterator

from gap.core.locations import existing
from gap.corpora.document import Document
from gap.corpora.readers.rows import Columns, read_rows
from gap.params.sources import TableSource


def read(source: TableSource, seed: int) -> Iterator[Document]:
    """A document per row."""
    path = existing(source.path)
    for identity, title, text in read_rows(path, source.kind, Columns(source.column, source.id_column, source.title_column)):
        yield Document(identity, text, path.name, title)
