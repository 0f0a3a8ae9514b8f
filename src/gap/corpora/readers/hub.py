"""Sources that are a data set of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from gap.corpora.readers import Document
from gap.corpora.readers.table import Columns, documents_of_rows
from gap.fetch.hub import dataset_rows, stream_origin
from gap.fetch.origin import Origin
from gap.params.sources import HubSource


def read(source: HubSource, seed: int) -> Iterator[Document]:
    """A document per row, the first ``source.documents``."""
    label = source.dataset if source.config is None else f"{source.dataset}/{source.config}"
    rows = islice(dataset_rows(source), source.documents)
    columns = Columns(source.column, None, source.title_column)
    return documents_of_rows(rows, f"data set {source.dataset}", columns, label)


def origins(source: HubSource) -> list[Origin]:
    """The data set; its rows are streamed, so it names no file."""
    return [stream_origin(source)]
