"""Documents of any source, in a fixed order, and their split into a training and a held-out part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from gap.core.digest import text_digest
from gap.core.locations import existing
from gap.corpora.readers.procedural import read_procedural
from gap.corpora.readers.rows import Columns, read_columns, read_rows
from gap.corpora.readers.stdlib import as_turns, read_code, read_docs
from gap.corpora.readers.text_files import read_text_file
from gap.fetch.hub import dataset_rows
from gap.fetch.upstream import read_upstream
from gap.generators import GENERATORS
from gap.params.sources import AuthorsSource, FilesSource, HubSource, ProceduralSource, Source, StdlibSource

Part = Literal["all", "train", "heldout"]

#: The authors' three corpora in their repository (Datasets.py reads them by these names).
AUTHORS = {"TDEC": "data/train_data/lm_extraction.csv", "CC": "data/train_data/pile-cc.csv", "Git": "data/train_data/github.csv"}


@dataclass(frozen=True)
class Document:
    """One document: its identity inside its source, its text, the source it came from (a file or data set name), its title if any."""

    id: str
    text: str
    source: str
    title: str = ""


def documents(source: Source, part: Part, seed: int) -> Iterator[Document]:
    """Documents of ``part`` of a source, in the source's order.

    Parameters
    ----------
    seed: the study's; procedural text is made from it, all other sources are what they are.

    Raises
    ------
    BadInput: a file is missing, empty, not UTF-8 or not of its kind, or a column is not there.
    Unavailable: a mirror, the authors' repository or the hub is out of reach.
    Refused: a file of the authors has another checksum.
    """
    for document in _read(source, seed):
        if part == "all" or is_heldout(document.text, source.heldout) == (part == "heldout"):
            # behind the split: what is held out as prose is held out as dialogue too
            yield from _spoken(document) if isinstance(source, StdlibSource) and source.content == "turns" else [document]


def _spoken(document: Document) -> Iterator[Document]:
    turns = as_turns(document.text)
    if "\n" in turns:
        yield replace(document, text=turns)


def is_heldout(text: str, share: float) -> bool:
    """Whether a document belongs to the held-out share: a property of its text alone, so copies never part.

    The first 32 bits of the text's SHA-256, read as a fraction, lie below ``share``.
    """
    return int(text_digest(text, 8), 16) / 16**8 < share


def _read(source: Source, seed: int) -> Iterator[Document]:
    if isinstance(source, FilesSource):
        for name in source.paths:
            path = existing(name)
            yield from _labelled(read_text_file(path), path.name)
    elif isinstance(source, StdlibSource):
        yield from _labelled(read_code() if source.content == "code" else read_docs(), f"stdlib {source.content}")
    elif isinstance(source, AuthorsSource):
        yield from _labelled(read_rows(read_upstream(AUTHORS[source.name]), "csv", Columns("text", "doc_id")), source.name)
    elif isinstance(source, HubSource):
        label = source.dataset if source.config is None else f"{source.dataset}/{source.config}"
        rows = islice(dataset_rows(source), source.documents)
        yield from _labelled(read_columns(rows, f"data set {source.dataset}", Columns(source.column, None, source.title_column)), label)
    elif isinstance(source, ProceduralSource):
        yield from _labelled(read_procedural(source, seed), f"procedural {GENERATORS.of(source.generator).name}")
    else:
        path = existing(source.path)
        yield from _labelled(read_rows(path, source.kind, Columns(source.column, source.id_column, source.title_column)), path.name)


def _labelled(triples: Iterator[tuple[str, str, str]], label: str) -> Iterator[Document]:
    for identity, title, text in triples:
        yield Document(identity, text, label, title)
