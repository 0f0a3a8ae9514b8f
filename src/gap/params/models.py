"""Base models: pretrained here, or from a folder, a GGUF file, a Python package or the hub; and the job that makes one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gap.core.settings import Settings
from gap.params.existing import AnyModel, GgufModel, HubModel, LocalModel, PackageModel
from gap.params.sources import Source, Weight


class PretrainedHere(AnyModel):
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


Model = Annotated[PretrainedHere | LocalModel | HubModel | GgufModel | PackageModel, Field(discriminator="kind")]


class ModelJob(Settings):
    """Make or copy a base model."""

    name: str
    model: Model
    sources: dict[str, Source] = Field(default_factory=dict)
    seed: int
