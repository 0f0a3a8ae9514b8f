"""Cutting documents into windows of a fixed number of tokens, in an order that does not depend on how many are needed."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tokenizers import Tokenizer

from gap.core.digest import text_digest
from gap.corpora.readers import Document
from gap.corpora.tokens import encode

#: Tokens that a window may be moved by until its text stands for exactly its tokens.
SLACK = 16


def hash64(*parts: object) -> int:
    """A number below 2**64 that depends on ``parts`` alone: a random choice that is the same on every machine."""
    return int(text_digest("\x1f".join(map(str, parts)), length=16), 16)


@dataclass(frozen=True)
class WindowCutter:
    """Cuts windows of ``width`` tokens; the n-th window depends on the seed and the documents only.

    Parameters
    ----------
    counts: counts documents, those visited, those too short (short), those whose metadata line is too long (crowded), and
        windows that no shift makes clean (unclean).
    line_of: the metadata line that will stand before a document's texts, empty without; its tokens count, so that a window
        is ``width`` tokens with it.
    """

    tokenizer: Tokenizer
    width: int
    seed: int
    counts: Counter[str]
    line_of: Callable[[Document], str]

    def windows(self, documents: Iterable[Document]) -> Iterator[tuple[Document, str]]:
        """(document, text) of windows that never overlap.

        The documents come in a seeded order, and each gives one window per pass until none has any left; a document is
        encoded when its first window is needed.
        """
        ordered = sorted(documents, key=lambda document: hash64(self.seed, "order", document.id, text_digest(document.text)))
        self.counts["documents"] = len(ordered)
        sources = [(document, self.cut(document)) for document in ordered]
        while sources:
            remaining = []
            for document, texts in sources:
                text = next(texts, None)
                if text is not None:
                    remaining.append((document, texts))
                    yield document, text
            sources = remaining

    def cut(self, document: Document) -> Iterator[str]:
        """Windows of one document, in a seeded order of their positions.

        With a metadata line they start where they would without it and end as many tokens earlier as the line has; a line
        that takes more than half of the window leaves none.
        """
        self.counts["visited"] += 1
        line = self.line_of(document)
        room = self.width - len(encode(self.tokenizer, line))
        if 2 * room < self.width:
            self.counts["crowded"] += 1
            return
        ids = array("I", encode(self.tokenizer, document.text))
        if len(ids) < self.width:
            self.counts["short"] += 1
        for starts in window_starts(len(ids), self.width, f"{self.seed} {document.id} {text_digest(document.text)}"):
            for start in starts:
                text = self.tokenizer.decode(ids[start : start + room].tolist(), skip_special_tokens=False)
                if self._is_clean(text, document, line):
                    yield text
                    break
            else:
                self.counts["unclean"] += 1

    def _is_clean(self, text: str, document: Document, line: str) -> bool:
        """Whether a window says exactly what the document says there and, behind ``line``, is ``width`` tokens long when read on its own.

        A cut inside a character, or inside a run of spaces that the tokenizer then groups in another way, fails this.
        """
        return bool(text.strip()) and text in document.text and len(encode(self.tokenizer, line + text)) == self.width


def window_starts(length: int, width: int, key: str) -> list[range]:
    """Where the windows of a document of ``length`` tokens may start: one range of starts per window, in the order to take them.

    The document is divided into slots of ``width + SLACK`` tokens behind a random margin, as many as fit (one, however
    short the document), so that windows share no token; each may start anywhere in the first ``SLACK`` tokens of its slot.
    """
    if length < width:
        return []
    slot, last = width + SLACK, length - width
    count = max(length // slot, 1)
    margin = hash64(key, "margin") % (max(length - count * slot, 0) + 1)
    firsts = [margin + number * slot for number in sorted(range(count), key=lambda number: hash64(key, "slot", number))]
    return [range(first, min(first + SLACK, last) + 1) for first in firsts]
