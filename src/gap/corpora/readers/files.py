"""Sources of plain text files: documents are paragraphs separated by empty lines, or articles under `` = Title = `` lines."""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

from gap.core.errors import BadInput
from gap.core.locations import files_at
from gap.corpora.readers import Document
from gap.params.sources import FilesSource

#: Paragraphs shorter than this many characters join the next one: a heading or a caption is no document.
SHORTEST = 200
#: A top-level heading of WikiText's token files (`` = = Section = = `` is a lower one).
TITLE = re.compile(r" = [^=\n]+ = ")


def read(source: FilesSource, seed: int) -> Iterator[Document]:
    """The documents of every UTF-8 file in turn, by file name and number; ``.xz`` and ``.gz`` are unpacked on the fly.

    Those of a folder, or behind a pattern, come in alphabetical order.

    Files whose first line with text is a WikiText title are cut at titles, because every one of their paragraphs
    stands alone; all others at empty lines (lines of white space count as empty), and those have no titles.

    Raises
    ------
    BadInput: no file, not readable as its ending says, not UTF-8, or without any text.
    """
    for place in source.paths:
        for name, path in files_at(place).items():
            yield from _read_file(name, path)


def _read_file(name: str, path: Path) -> Iterator[Document]:
    number = -1
    try:
        with _opened(path) as lines:
            for number, text in enumerate(split_documents(lines)):
                yield Document(f"{name}#{number}", text, name, heading(text))
    except UnicodeDecodeError as error:
        raise BadInput(str(path), f"not UTF-8 ({error})", "UTF-8 text", "Convert the file to UTF-8.") from error
    except (lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        problem = f"cannot be unpacked ({error})"
        raise BadInput(str(path), problem, f"a whole {path.suffix} file", "Fetch or pack the file again.") from error
    if number < 0:
        raise BadInput(str(path), "no text", "at least one line of text", "Fill the file or take it off the list.")


def heading(document: str) -> str:
    """The title on a document's first line, if that is WikiText's."""
    first = document.split("\n", 1)[0]
    return first.strip(" =") if TITLE.fullmatch(f"{first} ") else ""


def _opened(path: Path) -> IO[str]:
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    return opener(path, "rt", encoding="utf-8-sig")


def split_documents(lines: Iterable[str]) -> Iterator[str]:
    """Documents of a stream of lines, without the empty lines around them."""
    rest = iter(lines)
    for line in rest:
        if line.strip():
            whole = chain([line], rest)
            yield from _articles(whole) if TITLE.fullmatch(line.rstrip("\n")) else _merged(_paragraphs(whole))
            return


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Lines that hold text, joined up to the next empty line."""
    paragraph: list[str] = []
    for line in chain(lines, [""]):
        if line.strip():
            paragraph.append(line.rstrip())
        elif paragraph:
            yield "\n".join(paragraph)
            paragraph = []


def _merged(paragraphs: Iterable[str]) -> Iterator[str]:
    """Paragraphs of at least ``SHORTEST`` characters, short ones joined to the next; a short last one stands alone."""
    parts: list[str] = []
    for paragraph in paragraphs:
        parts.append(paragraph)
        if sum(map(len, parts)) >= SHORTEST:
            yield "\n\n".join(parts)
            parts = []
    if parts:
        yield "\n\n".join(parts)


def _articles(lines: Iterable[str]) -> Iterator[str]:
    """Paragraphs from one title to the next; a title stands between empty lines (a table may hold lines that only look like one)."""
    article: list[str] = []
    for paragraph in _paragraphs(lines):
        if article and TITLE.fullmatch(paragraph + " "):
            yield "\n\n".join(article)
            article = []
        article.append(paragraph)
    yield "\n\n".join(article)
