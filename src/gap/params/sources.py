"""Where text comes from (``sources``), and what is sampled from it (``corpora``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.generators import GENERATORS

if TYPE_CHECKING:
    Generator = Settings
else:
    Generator = GENERATORS.union()

Fraction = Annotated[float, Field(ge=0, le=1)]


class _Source(Settings):
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
    paths: list[str] = Field(min_length=1, description="Paths; `mirror:...` is relative to $GAP_MIRROR.")


class TableSource(_Source):
    """One document per row of a CSV, JSONL or Parquet file."""

    reader: ClassVar[str] = "gap.corpora.readers.table"
    kind: Literal["csv", "jsonl", "parquet"]
    path: str = Field(description="Path; `mirror:...` is relative to $GAP_MIRROR.")
    column: str = Field("text", description="Column that holds the text.")
    id_column: str | None = Field(None, description="Column that names the document; the row number without it.")
    title_column: str | None = Field(None, description="Column that holds the document's title, for `metadata: title`.")

    #: It matters to corpora with titles alone, and stands in their keys.
    COUNTS: ClassVar[frozenset[str]] = frozenset({"title_column"})


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
    COUNTS: ClassVar[frozenset[str]] = frozenset({"title_column"})


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
    label: str = Field("", description="Name in figures; the key when empty.")

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


class TokenizerTrained(Settings):
    """Byte-level BPE trained here, with OPT's special tokens under OPT's ids (<s> 0, <pad> 1, </s> 2, <unk> 3)."""

    kind: Literal["train"]
    mixture: dict[str, float] = Field(min_length=1, description="Source names and their weights; only their training part is read.")
    vocab_size: int = Field(ge=260)
    max_bytes: int = Field(20_000_000, gt=0, description="Bytes of text read at most.")


class TokenizerFiles(Settings):
    """vocab.json and merges.txt of an OPT-style byte-level BPE."""

    kind: Literal["files"]
    path: str = Field(description="Folder; `mirror:...` is relative to $GAP_MIRROR.")


class TokenizerLocal(Settings):
    """The tokenizer in a Hugging Face folder on this machine, of whatever family; a model's own folder will do."""

    kind: Literal["local"]
    path: str = Field(description="Folder; `mirror:...` is relative to $GAP_MIRROR.")


class TokenizerHub(Settings):
    """The tokenizer of a hub model at a pinned revision."""

    kind: Literal["hub"]
    id: str
    revision: str = Field(pattern="^[0-9a-f]{40}$")


Tokenizer = Annotated[TokenizerTrained | TokenizerFiles | TokenizerLocal | TokenizerHub, Field(discriminator="kind")]
