"""Corpora: what is sampled from a source, and the job that samples it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.params.names import Label
from gap.params.sources import AuthorsSource, HubSource, ProceduralSource, Source, TableSource

Fraction = Annotated[float, Field(ge=0, le=1)]


class Corpus(Settings):
    """Texts for post-training runs: token windows sampled from a source (the authors' texts are taken whole)."""

    source: str = Field(description="Name of an entry of `sources`.")
    part: Literal["all", "train", "heldout"] = "all"
    window: int = Field(200, gt=1, description="Tokens per text, by the model's own tokenizer.")
    metadata: Literal["none", "source", "title"] = Field(
        "none",
        description="A line in front of the text that says where it comes from (`Source: ...`: file, data set) or what it is about (`Title: ...`); its tokens count as part of the window.",
    )
    near_duplicates: Fraction = Field(
        0.8, description="Texts whose Jaccard similarity (5-word shingles) reaches this are dropped; 1 keeps them."
    )
    overlap: Literal["report", "remove"] = Field(
        "report", description="What to do with texts that share a 13-word run with an evaluation item."
    )
    skip: int = Field(
        0,
        ge=0,
        exclude_if=lambda skip: skip == 0,  # what is written of studies from before the key stays as it was
        description="Texts passed over, from the first: a pilot's texts are then none of the study's.",
    )
    label: Label = Field("", description="Name in figures; the key when empty.")

    COUNTS: ClassVar[frozenset[str]] = frozenset({"label"})

    def identity(self) -> dict[str, Any]:
        """What determines the texts; ``metadata: none`` does not stand in it, so that corpora from before the key stay valid."""
        settings = super().identity()
        if self.metadata == "none":
            del settings["metadata"]
        return settings


#: Which sources have titles, for error messages.
TITLED = "stdlib; files in WikiText's form (` = Title = ` lines); csv, jsonl, parquet and hub with `title_column`"


def metadata_problem(corpus: Corpus, source: Source) -> str:
    """Why the source cannot have the corpus's metadata line, as far as the settings tell; empty when it can."""
    if corpus.metadata == "none":
        return ""
    if isinstance(source, AuthorsSource):
        return f"{corpus.metadata!r}, but the authors' texts are taken whole, as they are"
    untitled = isinstance(source, TableSource | HubSource) and source.title_column is None
    if corpus.metadata == "title" and (untitled or isinstance(source, ProceduralSource)):
        return f"'title', but source {corpus.source!r} of kind {source.kind} names no titles"
    return ""


class CorpusJob(Settings):
    """Sample ``texts`` texts of one corpus."""

    name: str
    corpus: Corpus
    source: Source
    texts: int
    seed: int
