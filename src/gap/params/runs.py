"""Runs and texts as jobs name them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from gap.core.settings import Settings


class RunId(Settings):
    """One run: the digest of (base model, method, corpus, texts) and its readable parts; ``text`` is the first of them."""

    run: str
    corpus: str
    text: int
    members: list[list[int]] = Field(
        default_factory=list, description="Texts of each update, for each run that is combined; the one text where empty."
    )

    @property
    def texts(self) -> list[list[int]]:
        """Text indices: one list per run that is combined (usually one), its texts of each update (usually one)."""
        return self.members or [[self.text]]

    @property
    def indices(self) -> list[int]:
        """All its texts."""
        return [index for update in self.texts for index in update]


#: The unmodified model as a pseudo-run of step 0.
BASE = RunId(run="base", corpus="", text=-1)


@dataclass(frozen=True)
class TextId:
    """One text: the digest of what determines its token ids (corpus, tokenizer, index), and its readable parts."""

    id: str
    corpus: str
    text: int

    @property
    def indices(self) -> list[int]:
        """The one text."""
        return [self.text]
