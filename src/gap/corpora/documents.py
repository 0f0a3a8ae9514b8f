"""Documents of any source, in a fixed order, and their split into a training and a held-out part.

A source's kind names the module that reads it (``Source.reader``); its code enters the keys of what is made from that kind alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Literal

from gap.core.digest import text_digest
from gap.corpora.readers import Document
from gap.fetch.origin import Origin
from gap.params.sources import Source

Part = Literal["all", "train", "heldout"]


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
    reader = importlib.import_module(source.reader)
    finish = getattr(reader, "finish", None)  # behind the split: what is held out as prose is held out as dialogue too
    for document in reader.read(source, seed):
        if part == "all" or is_heldout(document.text, source.heldout) == (part == "heldout"):
            yield from finish(source, document) if finish else [document]


def origins(source: Source) -> list[Origin]:
    """The files of pinned repositories that a source reads; none where its reader names none.

    Raises
    ------
    Unavailable: the hub is out of reach.
    """
    reader = importlib.import_module(source.reader)
    return reader.origins(source) if hasattr(reader, "origins") else []


def is_heldout(text: str, share: float) -> bool:
    """Whether a document belongs to the held-out share: a property of its text alone, so copies never part.

    The first 32 bits of the text's SHA-256, read as a fraction, lie below ``share``.
    """
    return int(text_digest(text, 8), 16) / 16**8 < share
