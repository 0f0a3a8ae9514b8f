"""Where text comes from: `sources`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.generators import GENERATORS

if TYPE_CHECKING:
    Generator = Settings
else:
    Generator = GENERATORS.union()


#: Of a source in a mixture.
Weight = Annotated[float, Field(gt=0)]


class _Source(Settings):
    #: No text depends on it.
    COUNTS: ClassVar[frozenset[str]] = frozenset({"licence"})

    licence: str = Field(
        "",
        exclude_if=lambda licence: not licence,  # what is written of studies from before the key stays as it was
        description="Terms of use of the texts, such as CC-BY-4.0, for the report; known ones need none.",
    )
    heldout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the documents (chosen by the hash of their text) that `part: heldout` takes and training never sees."
    )


class StdlibSource(_Source):
    """Text that ships inside every Python."""

    reader: ClassVar[str] = "gap.corpora.readers.stdlib"
    kind: Literal["stdlib"]
    content: Literal["docs", "turns", "code"] = Field(
        description="docs: the language reference and long docstrings; turns: its sentences as lines of two users; code: source files."
    )


class FilesSource(_Source):
    """Plain text files, documents separated by an empty line; .xz and .gz are unpacked on the fly."""

    reader: ClassVar[str] = "gap.corpora.readers.files"
    kind: Literal["files"]
    paths: list[str] = Field(
        min_length=1, description="Files, folders or patterns such as `notes/*.md`; `mirror:...` is relative to $GAP_MIRROR."
    )


class TableSource(_Source):
    """One document per row of a CSV, JSONL or Parquet file."""

    reader: ClassVar[str] = "gap.corpora.readers.table"
    kind: Literal["csv", "jsonl", "parquet"]
    path: str = Field(description="Path; `mirror:...` is relative to $GAP_MIRROR.")
    column: str = Field("text", description="Column that holds the text.")
    id_column: str | None = Field(None, description="Column that names the document; the row number without it.")
    title_column: str | None = Field(None, description="Column that holds the document's title, for `metadata: title`.")

    #: It matters to corpora with titles alone, and stands in their keys.
    COUNTS: ClassVar[frozenset[str]] = _Source.COUNTS | {"title_column"}


class HubSource(_Source):
    """A stream of a Hugging Face data set at a pinned revision."""

    reader: ClassVar[str] = "gap.corpora.readers.hub"
    kind: Literal["hub"]
    dataset: str
    config: str | None = None
    split: str = "train"
    revision: str = Field(description="Commit of the data set; a moving name such as main is refused.", pattern="^([0-9a-f]{40}|refs/.+)$")
    column: str = "text"
    title_column: str | None = Field(None, description="Column that holds the document's title, for `metadata: title`.")
    where: dict[str, str] = Field({}, description="Only rows whose (dotted) column equals the value, e.g. meta.pile_set_name: Github.")
    documents: int = Field(20_000, gt=0, description="Documents read from the stream, after `where`.")

    #: It matters to corpora with titles alone, and stands in their keys.
    COUNTS: ClassVar[frozenset[str]] = _Source.COUNTS | {"title_column"}


class AuthorsSource(_Source):
    """The texts that the paper's authors released, in their order: index i is row i."""

    reader: ClassVar[str] = "gap.corpora.readers.authors"
    kind: Literal["authors"]
    name: Literal["TDEC", "CC", "Git"]


class ProceduralSource(_Source):
    """Text made by a generator (``gap.generators``): document n depends on the study's seed, the generator's settings and n alone."""

    reader: ClassVar[str] = "gap.corpora.readers.procedural"
    kind: Literal["procedural"]
    generator: Generator = Field(description="The kind of lines, and its settings.")
    documents: int = Field(gt=0, description="Documents made.")
    lines: int = Field(gt=0, description="Lines of a document; together they must hold the tokens of a window.")


Source = Annotated[StdlibSource | FilesSource | TableSource | HubSource | AuthorsSource | ProceduralSource, Field(discriminator="kind")]
