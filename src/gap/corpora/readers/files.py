"""Sources of plain text files."""

from __future__ import annotations

from collections.abc import Iterator

from gap.core.locations import existing
from gap.corpora.document import Document
from gap.corpora.readers.text_files import read_text_file
from gap.params.sources import FilesSource


def read(source: FilesSource, seed: int) -> Iterator[Document]:
    """The documents of every file in turn."""
    for name in source.paths:
        path = existing(name)
        for identity, title, text in read_text_file(path):
            yield Document(identity, text, path.name, title)
