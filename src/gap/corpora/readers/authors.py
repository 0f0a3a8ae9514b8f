"""The authors' three corpora."""

from __future__ import annotations

from collections.abc import Iterator

from gap.corpora.document import Document
from gap.corpora.readers.rows import Columns, read_rows
from gap.fetch.upstream import read_upstream
from gap.params.sources import AuthorsSource

#: Their files in the authors' repository (Datasets.py reads them by these names).
AUTHORS = {"TDEC": "data/train_data/lm_extraction.csv", "CC": "data/train_data/pile-cc.csv", "Git": "data/train_data/github.csv"}


def read(source: AuthorsSource, seed: int) -> Iterator[Document]:
    """A document per row."""
    for identity, title, text in read_rows(read_upstream(AUTHORS[source.name]), "csv", Columns("text", "doc_id")):
        yield Document(identity, text, source.name, title)
