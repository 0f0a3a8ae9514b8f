"""What is scored and how, where no params.yaml is read: its shared defaults (a test compares them), and what a user gives instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from gap.core.errors import BadInput
from gap.core.locations import PREFIX, mirror
from gap.params.evaluate import Evaluate, ScoredTask, Scorer
from gap.params.items import Items
from gap.tasks.registry import known_task

#: The paper's 12 tasks: classification, then dialogue.
TASKS = (
    "piqa", "hellaswag", "arc_easy", "arc_challenge", "copa", "winogrande", "math_qa", "pubmed_qa",
    "blended_skill_talk", "empathetic_dialogues", "wizard_of_internet", "wizard_of_wikipedia",
)  # fmt: skip
DEFAULTS: dict[str, Any] = {
    "precision": "fp16", "max_length": 512, "max_new_tokens": 32, "batch_tokens": 16384, "replay_tolerance": 0.0, "noise_items": 64,
}  # fmt: skip
#: A CPU computes fp16 slower than fp32, and large batches slower than small ones.
ON_A_CPU: dict[str, Any] = {"precision": "fp32", "batch_tokens": 1024}


@dataclass(frozen=True)
class ScoreSettings:
    """What a user gives to ``gap score``; None is a default.

    Parameters
    ----------
    tasks: names, separated by commas.
    items: per task, from the first.
    source: where items come from: miniature, folder:PATH or hub.
    """

    tasks: str | None
    items: int
    split: str | None
    precision: str | None
    max_length: int
    scorer: Scorer
    source: str | None

    def __post_init__(self) -> None:
        for option, value, allowed in (
            ("--scorer", self.scorer, get_args(Scorer)),
            ("--precision", self.precision, (None, "fp32", "bf16", "fp16")),
            ("--split", self.split, (None, "validation", "test")),
        ):
            if value not in allowed:
                raise BadInput(option, repr(value), f"one of {[name for name in allowed if name]}", "Correct the name.")

    def scored_tasks(self) -> list[ScoredTask]:
        """The tasks with their split: the one asked for, else validation, or the only one that a task has.

        Raises
        ------
        BadInput: an unknown task, or none.
        """
        names = TASKS if self.tasks is None else [name for part in self.tasks.split(",") if (name := part.strip())]
        if not names:
            raise BadInput("--tasks", "no name", "names separated by commas", "Name a task, or leave the option out for the paper's 12.")
        tasks = [known_task(name) for name in dict.fromkeys(names)]
        return [ScoredTask(task=task.name, split=self.split or next(iter(task.splits), "validation")) for task in tasks]

    def items_source(self) -> Items:
        """Where the items come from; without a word of the user the mirror where one is configured, else the hub."""
        source = self.source or (f"folder:{PREFIX}" if mirror() else "hub")
        kind, _, path = source.partition(":")
        if kind == "folder" and path:
            return Items(kind="folder", path=path)
        if source in ("miniature", "hub"):
            return Items(kind="miniature" if source == "miniature" else "hub", path=None)
        raise BadInput("--from", repr(source), "miniature, folder:PATH or hub", "Correct it.")

    def evaluate(self, device: str) -> Evaluate:
        """How items are scored on a device of this kind (cpu or cuda)."""
        values = DEFAULTS | (ON_A_CPU if device == "cpu" else {}) | {"items": self.items, "max_length": self.max_length}
        values |= {"precision": self.precision} if self.precision else {}
        return Evaluate.model_validate(values | {"splits": [self.split or "validation"]})
