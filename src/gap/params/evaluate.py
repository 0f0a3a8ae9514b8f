"""Evaluation: how items are scored, and the job that scores a shard of runs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from gap.core.settings import Settings
from gap.params.methods import Method
from gap.params.runs import RunId


def _distinct(splits: list[str]) -> list[str]:
    if len(set(splits)) < len(splits):
        raise ValueError("each split once")
    return splits


def _ascending(steps: list[int]) -> list[int]:
    if steps != sorted(set(steps)):
        raise ValueError("steps in ascending order, each once")
    return steps


class Evaluate(Settings):
    """How items are scored."""

    items: int = Field(ge=1, description="Items per task and split, from the first.")
    splits: Annotated[list[Literal["validation", "test"]], AfterValidator(_distinct)] = Field(min_length=1)
    steps: Annotated[list[Annotated[int, Field(ge=1)]], AfterValidator(_ascending)] = Field(
        default=[],
        exclude_if=lambda steps: not steps,  # what is written of studies from before the key stays as it was
        description="Steps (real updates) of each run that are scored, as far as it goes; all where empty. The unmodified model always is.",
    )
    precision: Literal["fp32", "bf16", "fp16"]
    max_length: int = Field(gt=8, description="Tokens of context and continuation; longer contexts are cut from the left.")
    max_new_tokens: int = Field(ge=1, description="Greedy tokens per dialogue answer.")
    batch_tokens: int = Field(ge=64, description="Tokens per forward pass, padding included.")
    replay_tolerance: float = Field(
        ge=0,
        description="Largest relative difference of loss and update norm at which a replayed checkpoint with another digest is still accepted; 0 refuses.",
    )

    noise_items: int = Field(64, ge=1, description="Items per task and split by which the noise floor is found.")

    COUNTS: ClassVar[frozenset[str]] = frozenset({"items", "splits", "steps", "replay_tolerance", "noise_items"})


#: How items are scored: by the fast paths that suit the model, by single sequences without any, or by lm-eval's HF backend.
Scorer = Literal["auto", "plain", "lm-eval"]


class ScoredTask(Settings):
    """One split of one task."""

    task: str
    split: str


class EvaluateJob(Settings):
    """Score tasks on the steps of a shard of runs (none: the unmodified model alone, step 0)."""

    model: str
    method: str
    tasks: list[ScoredTask] = Field(min_length=1)
    settings: Method | None = None
    updates: int = 0
    evaluate: Evaluate
    items: int
    runs: list[RunId] = Field(default_factory=list)
    code: dict[str, str] = Field(default_factory=dict, description="Module -> version of its code; the command line fills it in.")
