"""Tokenizers: trained here, from files, from a model, or from the hub; and the job that makes one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.params.existing import ExistingModel, Revision
from gap.params.sources import Source, Weight


class TokenizerTrained(Settings):
    """Byte-level BPE trained here, with OPT's special tokens under OPT's ids (<s> 0, <pad> 1, </s> 2, <unk> 3)."""

    kind: Literal["train"]
    mixture: dict[str, Weight] = Field(min_length=1, description="Source names and their weights; only their training part is read.")
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
    revision: Revision


class TokenizerOfModel(Settings):
    """A model's own tokenizer; a model that names no tokenizer gets such an entry, of its own name."""

    kind: Literal["model"]
    model: str = Field(description="Name of an entry of `models`, not one pretrained here.")


Tokenizer = Annotated[TokenizerTrained | TokenizerFiles | TokenizerLocal | TokenizerHub | TokenizerOfModel, Field(discriminator="kind")]


class TokenizerJob(Settings):
    """Make or copy a tokenizer."""

    name: str
    tokenizer: Tokenizer
    sources: dict[str, Source] = Field({}, description="The sources that the mixture names.")
    model: ExistingModel | None = Field(None, description="The model whose tokenizer it is.")
    seed: int
