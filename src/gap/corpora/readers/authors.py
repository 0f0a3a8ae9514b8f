"""The authors' three corpora."""

from __future__ import annotations

from collections.abc import Iterator

from gap.core.files import read_csv
from gap.corpora.readers import Document
from gap.corpora.readers.table import Columns, documents_of_rows
from gap.fetch.origin import Origin
from gap.fetch.upstream import read_upstream, upstream_origin
from gap.params.sources import AuthorsSource

#: Their files in the authors' repository (Datasets.py reads them by these names).
AUTHORS = {"TDEC": "data/train_data/lm_extraction.csv", "CC": "data/train_data/pile-cc.csv", "Git": "data/train_data/github.csv"}


def read(source: AuthorsSource, seed: int) -> Iterator[Document]:
    """A document per row."""
    path, columns = read_upstream(AUTHORS[source.name]), Columns("text", "doc_id")
    return documents_of_rows(read_csv(path), str(path), columns, source.name)


def origins(source: AuthorsSource) -> list[Origin]:
    """The authors' file."""
    return [upstream_origin(AUTHORS[source.name])]
