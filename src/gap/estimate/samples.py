"""Differences to the unmodified model by run and item, for any policy, corpus and set of tasks: what every estimate is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.study_index import ALL, StudyIndex
from gap.core.errors import BadInput
from gap.estimate.choices import Choice, Parts, choices, policies
from gap.estimate.cubes import Bases, Cube, Cubes, read_cubes
from gap.params.preregistration import FILE
from gap.stats.bootstrap import named_rng
from gap.stats.intervals import NO_INTERVAL, Interval, expanded_interval
from gap.stats.two_way import CrossedMean, bootstrap_weights, crossed_mean, pigeonhole

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 2000
#: Fewer clusters make percentile intervals that are too narrow (Cameron, Gelbach and Miller 2008).
FEWEST = 10
#: The unweighted mean over all tasks: the average of the paper's first claim.
EVERY_TASK = "every_task"
BOOTSTRAP, STUDENT, SINGLE = "two-way bootstrap", "t, fewer than 10 runs", "t over items, one run"


@dataclass(frozen=True)
class Samples:
    """A study's item scores, and what its policies choose of them.

    ``fixed_step`` is that of the policy of that name; ``level`` of the intervals.  ``held_out`` are the same on the study's second split, with
    the steps that were chosen on the first; None where there is none.
    """

    study: StudyIndex
    cubes: Cubes
    bases: Bases
    selections: pd.DataFrame
    fixed_step: int
    level: float
    held_out: Samples | None = None
    _choices: dict[tuple[str, str], dict[tuple[str, str], Choice]] = field(default_factory=dict)
    _parts: dict[tuple[str, str, str], Parts] = field(default_factory=dict)

    def tasks(self, name: str) -> list[str]:
        """The tasks of an average, or the task of that name."""
        if name == EVERY_TASK:
            return self.study.tasks(ALL)
        return self.study.tasks(name) if name in self.study.groups else [name]

    @property
    def averages(self) -> list[str]:
        """The averages there are: of each task group, and of all tasks where there are two groups."""
        groups = list(self.study.groups)
        return [*groups, EVERY_TASK] if len(groups) > 1 else groups

    def average(self, name: str) -> str:
        """``name`` where the study has that average, else the only one it has."""
        return name if name in self.averages else self.averages[-1]

    def parts(self, model: str, method: str, policy: str) -> Parts:
        """Task -> score minus that of the unmodified model, at what the policy chooses, float32 [runs, items], points."""
        if (model, method, policy) not in self._parts:
            cube = self.cubes[model, method]
            self._parts[model, method, policy] = {
                task: self.choice(cube, policy, task).apply(cube.differences(task), task) for task in self.study.tasks(ALL)
            }
        return self._parts[model, method, policy]

    def choice(self, cube: Cube, policy: str, task: str) -> Choice:
        """What a policy chooses for the task group of ``task``.

        Raises
        ------
        BadInput: no policy has that name.
        """
        key = cube.model, cube.method
        if key not in self._choices:
            self._choices[key] = choices(cube, self.selections, self.study, self.fixed_step)
        found, group = self._choices[key], self.study.task_entries[task].group
        if (policy, group) not in found:
            raise BadInput(str(FILE), f"the unknown policy {policy!r}", f"one of {policies(self.study)}", "Correct it there.")
        return found[policy, group]

    def rows(self, cube: Cube, corpus: str, keep: Callable[[dict[str, Any]], bool] = lambda run: True) -> np.ndarray:
        """Positions of the cube's runs on a corpus (``all``: on any) that ``keep`` keeps."""
        return np.array([place for place, run in enumerate(cube.runs) if corpus in (ALL, run["corpus"]) and keep(run)], dtype=int)

    def estimate(self, parts: list[np.ndarray], tasks: list[str], name: str) -> Estimate:
        """The mean over ``tasks`` of ``parts``, [runs, items] each, with its interval; runs are resampled by ``name``.

        No interval where nothing varies.
        """
        crossed = crossed_mean(parts)
        if crossed.runs < FEWEST:
            return Estimate(crossed, crossed.interval(self.level), STUDENT if crossed.runs > 1 else SINGLE)
        runs = run_weights(self.study.seed, name, crossed.runs)
        drawn = [
            pigeonhole(part, runs, item_weights(self.study.seed, task, part.shape[1])) for part, task in zip(parts, tasks, strict=True)
        ]
        found = expanded_interval(np.mean(drawn, axis=0), self.level, crossed.runs) if crossed.variance > 0 else NO_INTERVAL
        return Estimate(crossed, found, BOOTSTRAP)

    def rng(self, name: str) -> np.random.Generator:
        """A generator for a permutation test."""
        return named_rng(self.study.seed, f"estimate/{name}")


@dataclass(frozen=True)
class Estimate:
    """A mean over runs and items, its interval, and how that was made."""

    crossed: CrossedMean
    interval: Interval
    kind: str

    def numbers(self) -> dict[str, Any]:
        """The columns that all tables of estimates have."""
        return {
            "runs": self.crossed.runs,
            "items": self.crossed.items,
            "difference": self.crossed.mean,
            "standard_error": self.crossed.standard_error,
            "low": self.interval.low,
            "high": self.interval.high,
            "interval": self.kind,
        }


@lru_cache(maxsize=8)
def run_weights(seed: int, name: str, runs: int) -> np.ndarray:
    """Bootstrap weights of runs, [resamples, runs]."""
    return bootstrap_weights(seed, f"estimate/runs/{name}", runs, RESAMPLES)


@lru_cache(maxsize=64)
def item_weights(seed: int, task: str, items: int) -> np.ndarray:
    """Bootstrap weights of a task's items, [resamples, items]; the same for all models, whose scores are paired by item."""
    return bootstrap_weights(seed, f"estimate/items/{task}", items, RESAMPLES)


def read_samples(study: StudyIndex, selections: pd.DataFrame, fixed_step: int, level: float) -> Samples:
    """The samples of a finished study, and those of its second split where tasks have it."""
    cubes, bases = read_cubes(study, selections)
    held_out = None
    if splits := study.plan["study"]["evaluate"]["splits"][1:]:
        # of a group that the first split lacks no step was chosen
        chosen = {task: of for task, of in study.splits.items() if study.task_entries[task].group in study.groups}
        other = replace(study, split=splits[0], splits=chosen)
        held_out = Samples(other, *read_cubes(other, selections), selections, fixed_step, level) if other.groups else None
    return Samples(study, cubes, bases, selections, fixed_step, level, held_out)
