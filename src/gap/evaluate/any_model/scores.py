"""What a table of item scores says of one task: metric, interval, chance, and how the items went through the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gap.core.checksums import record_of
from gap.core.files import read_object
from gap.core.tables import read_table
from gap.params.evaluate import ScoredTask
from gap.stats.bootstrap import Bootstrap
from gap.stats.intervals import Interval, wilson
from gap.tasks.registry import known_task

LEVEL = 0.95
RESAMPLES = 2000
#: Group of a task -> its metric.
METRICS = {"classification": "accuracy", "dialogue": "F1"}


@dataclass(frozen=True)
class TaskScore:
    """One task's result.

    Parameters
    ----------
    group: classification or dialogue, in whose average it counts.
    score, interval, chance: as fractions; chance is None where it is not known or there is none.
    seconds: that scoring took, without loading the model; None where the table was there.
    passes: how the items went through the model, as the provenance record has it.
    """

    task: str
    split: str
    group: str
    metric: str
    items: int
    score: float
    interval: Interval
    chance: float | None
    seconds: float | None
    passes: dict[str, Any]
    table: Path


def task_score(scored: ScoredTask, table: Path, seconds: float | None) -> TaskScore:
    """The result in a task's table: Wilson's interval for an accuracy, the percentile bootstrap over items for an F1."""
    task = known_task(scored.task)
    column = "f1" if task.group == "dialogue" else "correct"
    values = read_table(table, "item_scores", columns=[column])[column].to_numpy(dtype=float)
    score = float(np.mean(values))
    if column == "correct":
        interval = wilson(score, len(values), LEVEL)
    else:
        interval = Bootstrap(0, RESAMPLES, LEVEL).resample(range(len(values)), f"{task.name}/{scored.split}").mean(values)
    passes = {name: value for name, value in read_object(record_of(table))["inputs"].items() if name not in ("items", "replayed")}
    return TaskScore(
        task=scored.task, split=scored.split, group=task.group, metric=METRICS[task.group], items=len(values), score=score,
        interval=interval, chance=task.chance or None, seconds=seconds, passes=passes, table=table,
    )  # fmt: skip


def averages(scores: Sequence[TaskScore], unscored: Sequence[ScoredTask]) -> dict[str, float | None]:
    """Group -> unweighted mean over its tasks, as the authors take it; None where a task of the group was not scored."""
    lacking = {known_task(scored.task).group for scored in unscored}
    values: dict[str, list[float]] = {group: [] for group in lacking}
    for score in scores:
        values.setdefault(score.group, []).append(score.score)
    return {group: None if group in lacking else float(np.mean(of_group)) for group, of_group in sorted(values.items())}
