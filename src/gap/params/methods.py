"""Settings of post-training, description, evaluation, items and jobs; study `paper` of params.yaml holds the paper's values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from gap.core.settings import Settings
from gap.methods import COMBINATIONS, DIRECTIONS, OBJECTIVES, OPTIMIZERS, RATES, TRANSFORMS

if TYPE_CHECKING:
    from gap.core.settings import Settings as Combination
    from gap.core.settings import Settings as Direction
    from gap.core.settings import Settings as Objective
    from gap.core.settings import Settings as Optimizer
    from gap.core.settings import Settings as Rates
    from gap.core.settings import Settings as Transform
else:
    Direction, Objective, Optimizer = DIRECTIONS.union(), OBJECTIVES.union(), OPTIMIZERS.union()
    Rates, Transform, Combination = RATES.union(), TRANSFORMS.union(), COMBINATIONS.union()


class Gap(Settings):
    """The update: a few steps up the language-modelling loss of one text (paper, section 2; authors' training loop)."""

    direction: Direction = Field(description="Which way a run goes: ascent (the paper's), or a control.")
    objective: Objective = Field(description="The loss whose gradient is taken.")
    optimizer: Optimizer = Field(description="How a gradient becomes a step.")
    learning_rate: float = Field(gt=0)
    rates: Rates = Field(description="What share of the learning rate each layer gets.")
    texts_per_update: int = Field(ge=1, description="Texts whose losses are averaged in every update of a run.")
    max_tokens: int = Field(gt=1, description="Longer texts are cut here.")
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        description="fp32; bf16 or fp16 autocast over fp32 weights, fp16 with a dynamic loss scaler."
    )
    loss_scale: float = Field(gt=0, description="First scale of the fp16 loss scaler.")
    updates: int = Field(ge=1, description="Updates tried per run.")
    texts: int = Field(ge=1, description="Texts per corpus, from index 0.")

    COUNTS: ClassVar[frozenset[str]] = frozenset({"updates", "texts"})

    def identity(self) -> dict[str, Any]:
        """What determines a run's weights; the loss scale matters under fp16 only."""
        settings = super().identity()
        if self.precision != "fp16":
            del settings["loss_scale"]
        return settings


class Method(Settings):
    """One method of a study: how its runs are trained, and what is done to the change of the weights before it is scored."""

    label: str = Field("", description="Name in figures; the key when empty.")
    gap: Gap = Field(description="Laid over the shared entry `gap`.")
    transforms: list[Transform] = Field([], description="Applied in turn to (weights - base weights) of every checkpoint that is scored.")
    combine: Combination | None = Field(
        None, description="One checkpoint per corpus and update from all runs of the corpus, instead of one per run."
    )
    sweep: dict[str, list[Any]] = Field({}, description="Key of `gap` -> values: one method per combination of them, in place of this one.")

    COUNTS: ClassVar[frozenset[str]] = frozenset({"label", "sweep"})

    def identity(self) -> dict[str, Any]:
        """What determines the weights of its checkpoints, beside base model and texts."""
        return super().identity() | {"gap": self.gap.identity()}

    @property
    def modules(self) -> list[str]:
        """The modules behind the parts it is made of, by dotted name."""
        gap = self.gap
        entries = [DIRECTIONS.of(gap.direction), OBJECTIVES.of(gap.objective), OPTIMIZERS.of(gap.optimizer), RATES.of(gap.rates)]
        entries += [TRANSFORMS.of(transform) for transform in self.transforms]
        entries += [] if self.combine is None else [COMBINATIONS.of(self.combine)]
        return sorted({entry.module for entry in entries})


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


class Describe(Settings):
    """What the base model makes of each text before any update, always in fp32."""

    ngram: int = Field(ge=1, description="Length of the n-grams that extraction likelihood counts.")
    prefixes: int = Field(ge=1, description="Beginnings of a text that are continued greedily, evenly spaced.")
    continuation: int = Field(ge=1, description="Tokens that each is continued by, at most; not less than ngram.")
    gradient_items: int = Field(ge=0, description="Items per task, from the first, behind the task's gradient; 0 leaves gradients out.")
    gradients_gib: float = Field(
        gt=0, description="Memory for gradients of tasks that are held at once; with less, each text's gradient is taken more than once."
    )

    COUNTS: ClassVar[frozenset[str]] = frozenset({"gradients_gib"})

    @model_validator(mode="after")
    def _check_lengths(self) -> Describe:
        if self.continuation < self.ngram:
            raise ValueError(f"continuation: {self.continuation} tokens hold no {self.ngram}-gram; allowed are {self.ngram} or more")
        return self


class Jobs(Settings):
    """How the work is cut into jobs, and where it runs; no key holds any of it.

    Results do not depend on `texts_per_job`, `tasks_per_job` and `memory`. Their last bits depend on the kind of `device`, on a CPU
    on `threads` and `arithmetic`, and on `devices` (norms and scores, within rounding).
    """

    texts_per_job: int = Field(ge=1, description="Text indices (of all corpora together) per post-training and evaluation job.")
    tasks_per_job: int = Field(
        ge=1, description="Tasks (with their splits) that one evaluation job scores; each run is replayed once per job."
    )
    threads: int = Field(ge=1, description="CPU threads per compute job; on a CPU the last bits of results depend on it.")
    device: Literal["auto", "cpu", "cuda"]
    devices: Literal[1, 2, 4, 8, 16, 32, 64] = Field(
        description="Devices (on a CPU, processes) of one host that share a model's weights, for one that does not fit on one (FSDP2)."
    )
    arithmetic: Literal["portable", "fast"] = Field(
        description="portable: the same bits on every x86-64 CPU with AVX2, at half the speed or less; fast: each processor's best."
    )
    memory: Literal["device", "host"] = Field(
        description="Where base snapshot, gradients and optimizer's state wait: host is slower and lets larger models train on a small GPU."
    )


class Items(Settings):
    """Where the evaluation items come from."""

    kind: Literal["miniature", "folder", "hub"] = Field(
        description="miniature: the small sets shipped here; folder: files in the hub's column schemas; hub: pinned revisions."
    )
    path: str | None = Field(None, description="Folder for kind `folder`; `mirror:` is $GAP_MIRROR.")
