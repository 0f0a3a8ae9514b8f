"""Runs and texts as jobs name them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from gap.core.settings import Settings


class Retained(Settings):
    """Texts of a corpus that a run keeps in mind (direction ``retain``): ``texts`` in the shape of ``RunId.texts``."""

    corpus: str
    texts: list[list[int]]


class RunId(Settings):
    """One run: the digest of (base model, method, corpus, texts) and its readable parts; ``text`` is the first of them."""

    run: str
    corpus: str
    text: int
    members: list[list[int]] = Field(
        default_factory=list, description="Texts of each update, for each run that is combined; the one text where empty."
    )
    retained: Retained | None = Field(
        default=None,
        exclude_if=lambda retained: retained is None,  # what is written of runs without is as it was before there were any
        description="Texts whose loss is kept low meanwhile.",
    )

    @property
    def texts(self) -> list[list[int]]:
        """Text indices: one list per run that is combined (usually one), its texts of each update (usually one)."""
        return self.members or [[self.text]]

    @property
    def needed(self) -> list[tuple[str, int]]:
        """Corpus and index of all its texts, the retained ones behind its own."""
        parts = [(self.corpus, self.texts)] + ([(self.retained.corpus, self.retained.texts)] if self.retained else [])
        return [(corpus, index) for corpus, texts in parts for update in texts for index in update]


#: The unmodified model as a pseudo-run of step 0.
BASE = RunId(run="base", corpus="", text=-1)


@dataclass(frozen=True)
class TextId:
    """One text: the digest of what determines its token ids (corpus, tokenizer, index), and its readable parts."""

    id: str
    corpus: str
    text: int

    @property
    def needed(self) -> list[tuple[str, int]]:
        """Corpus and index of the one text."""
        return [(self.corpus, self.text)]
