"""Cutting documents into windows of a fixed number of tokens, in an order that does not depend on how many are wanted."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from gap.core.digest import text_digest
from gap.corpora.documents import Document
from gap.corpora.tokens import encode

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: Tokens that a window may be moved by until its text stands for exactly its tokens.
SLACK = 16


def draw(*parts: object) -> int:
    """A number below 2**64 that depends on ``parts`` alone: a random choice that is the same on every machine."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()[:8])


def windows(
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    width: int,
    seed: int,
    tally: Counter[str],
    front: Callable[[Document], str] = lambda document: "",
) -> Iterator[tuple[Document, str]]:
    """(document, text) of windows of ``width`` tokens that never overlap.

    The documents come in a seeded order, and each gives one window per pass until none has any left; a document is
    encoded when its first window is asked for.  The n-th window depends on the seed and the documents only.

    Parameters
    ----------
    tally: counts documents, those visited, those too short, those whose front line is too long, and windows that no shift
        makes clean.
    front: the line that will stand before a document's texts; its tokens count, so that a window is ``width`` tokens with it.
    """
    ordered = sorted(documents, key=lambda document: draw(seed, "order", document.id, text_digest(document.text)))
    tally["documents"] = len(ordered)
    streams = [(document, cuts(document, tokenizer, width, seed, tally, front)) for document in ordered]
    while streams:
        alive = []
        for document, stream in streams:
            text = next(stream, None)
            if text is not None:
                alive.append((document, stream))
                yield document, text
        streams = alive


def cuts(
    document: Document, tokenizer: Tokenizer, width: int, seed: int, tally: Counter[str], front: Callable[[Document], str]
) -> Iterator[str]:
    """Windows of one document, in a seeded order of their places.

    With a line in front they start where they would without it and end as many tokens earlier as the line has; a line
    that takes more than half of the window leaves none.
    """
    tally["visited"] += 1
    line = front(document)
    room = width - len(encode(tokenizer, line))
    if 2 * room < width:
        tally["crowded"] += 1
        return
    ids = array("I", encode(tokenizer, document.text))
    if len(ids) < width:
        tally["short"] += 1
    for starts in places(len(ids), width, f"{seed} {document.id} {text_digest(document.text)}"):
        for start in starts:
            text = tokenizer.decode(ids[start : start + room].tolist(), skip_special_tokens=False)
            if is_clean(text, document.text, tokenizer, width, line):
                yield text
                break
        else:
            tally["unclean"] += 1


def is_clean(text: str, whole: str, tokenizer: Tokenizer, width: int, line: str = "") -> bool:
    """Whether a window says exactly what the document says there and, behind ``line``, is ``width`` tokens long when read on its own.

    A cut inside a character, or inside a run of spaces that the tokenizer then groups in another way, fails this.
    """
    return bool(text.strip()) and text in whole and len(encode(tokenizer, line + text)) == width


def places(length: int, width: int, key: str) -> list[range]:
    """Where the windows of a document of ``length`` tokens may start: one range of starts per window, in the order to take them.

    The document is laid out in slots of ``width + SLACK`` tokens behind a random margin, as many as fit (one, however
    short the document), so that windows share no token; each may start anywhere in the first ``SLACK`` tokens of its slot.
    """
    if length < width:
        return []
    slot, last = width + SLACK, length - width
    count = max(length // slot, 1)
    margin = draw(key, "margin") % (max(length - count * slot, 0) + 1)
    firsts = [margin + number * slot for number in sorted(range(count), key=lambda number: draw(key, "slot", number))]
    return [range(first, min(first + SLACK, last) + 1) for first in firsts]
