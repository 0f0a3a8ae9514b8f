"""A method: how runs are trained, and what is done to their weights; study `paper` of params.yaml holds the paper's values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import COMBINATIONS, DIRECTIONS, OBJECTIVES, OPTIMIZERS, RATES, TRANSFORMS
from gap.params.names import Label

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

    @property
    def retained_corpus(self) -> str | None:
        """The corpus whose texts its runs retain, for a direction that names one (``corpus``)."""
        return getattr(self.direction, "corpus", None)


class Method(Settings):
    """One method of a study: how its runs are trained, and what is done to the change of the weights before it is scored."""

    label: Label = Field("", description="Name in figures; the key when empty.")
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
