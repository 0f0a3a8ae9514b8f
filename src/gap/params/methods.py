"""Post-training and evaluation settings; the values in the repository's params.yaml are the paper's."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gap.core.settings import Settings

Beta = Annotated[float, Field(ge=0, lt=1)]


class Gap(Settings):
    """The update: a few steps up the language-modelling loss of one text (paper, section 2; authors' training loop)."""

    direction: Literal["ascent"]
    optimizer: Literal["adam"]
    learning_rate: float = Field(gt=0)
    betas: tuple[Beta, Beta]
    eps: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    max_tokens: int = Field(gt=1, description="Longer texts are cut here.")
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        description="fp32; bf16 or fp16 autocast over fp32 weights, fp16 with a dynamic loss scaler."
    )
    loss_scale: float = Field(gt=0, description="First scale of the fp16 loss scaler.")
    updates: int = Field(ge=1, description="Updates tried per run.")
    texts: int = Field(ge=1, description="Texts per corpus, from index 0.")

    COUNTS: ClassVar[frozenset[str]] = frozenset({"updates", "texts"})

    def identity(self) -> dict[str, object]:
        """What determines a run's weights; the loss scale matters under fp16 only."""
        kept = super().identity()
        if self.precision != "fp16":
            del kept["loss_scale"]
        return kept


class Evaluate(Settings):
    """How items are scored."""

    items: int = Field(ge=1, description="Items per task and split, from the first.")
    splits: list[Literal["validation", "test"]] = Field(min_length=1)
    precision: Literal["fp32", "bf16", "fp16"]
    max_length: int = Field(gt=8, description="Tokens of context and continuation; longer contexts are cut from the left.")
    max_new_tokens: int = Field(ge=1, description="Greedy tokens per dialogue answer.")
    batch_tokens: int = Field(ge=64, description="Tokens per forward pass, padding included.")
    replay_tolerance: float = Field(
        ge=0,
        description="Largest relative difference of loss and update norm at which a replayed checkpoint with another digest is still accepted; 0 refuses.",
    )

    noise_items: int = Field(64, ge=1, description="Items per task and split by which the noise floor is found.")

    COUNTS: ClassVar[frozenset[str]] = frozenset({"items", "splits", "replay_tolerance", "noise_items"})


class Jobs(Settings):
    """How the work is cut into jobs; no result depends on it."""

    texts_per_job: int = Field(ge=1, description="Text indices (of all corpora together) per post-training and evaluation job.")
    threads: int = Field(ge=1, description="CPU threads per compute job. On a CPU the last bits of results depend on it.")
    device: Literal["auto", "cpu", "cuda"]


class Items(Settings):
    """Where the evaluation items come from."""

    kind: Literal["miniature", "folder", "hub"] = Field(
        description="miniature: the small sets shipped here; folder: files in the hub's column schemas; hub: pinned revisions."
    )
    path: str | None = Field(None, description="Folder for kind `folder`; `mirror:` is $GAP_MIRROR.")
