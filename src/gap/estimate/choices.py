"""Which step counts, and on which items: the selection policies as choices over arrays.

``best`` is the paper's policy: it chooses by the very scores that are then reported.  ``split_half`` chooses by one random half of the
items and reports the other, which is what an honest user can expect of choosing; ``fixed_step`` and ``last`` do not choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from gap.aggregate.policies import DECIMALS, policy_names
from gap.aggregate.study_index import StudyIndex
from gap.estimate.cubes import Cube
from gap.stats.bootstrap import named_rng

if TYPE_CHECKING:
    import pandas as pd

SPLIT_HALF = "split_half"
FIXED_STEP = "fixed_step"
#: Random halves of the items, complements among them.
HALVES = 100
#: Group of an average -> parts float32 [runs, items] of each task.
Parts = dict[str, np.ndarray]


@dataclass(frozen=True)
class Choice:
    """``positions`` int [halves, runs] in a cube's steps; ``held_out``: task -> bool [halves, items] that are reported, all where None."""

    positions: np.ndarray
    held_out: dict[str, np.ndarray] | None = None

    def apply(self, values: np.ndarray, task: str) -> np.ndarray:
        """``values`` [runs, steps, items] at the chosen steps, float32 [runs, items]; a run's mean over items is what the policy reports.

        With halves, an item's value is the mean over all halves, of those it is held out of, times all items over the held-out ones.
        """
        runs = np.arange(len(values))
        if self.held_out is None:
            return values[runs, self.positions[0]].astype(np.float32)
        held_out = self.held_out[task]
        weights = (held_out / held_out.mean(axis=1, keepdims=True)).astype(np.float32) / len(held_out)
        total = np.zeros((values.shape[0], values.shape[2]), dtype=np.float32)
        for position in np.unique(self.positions):
            chosen = (self.positions == position).T.astype(np.float32)
            total += (chosen @ weights) * np.nan_to_num(values[:, position])
        return total


def policies(study: StudyIndex) -> list[str]:
    """All policies, in the order of the tables: those that are registered, and the two of this module."""
    return [*policy_names(), FIXED_STEP, SPLIT_HALF]


def choices(cube: Cube, selections: pd.DataFrame, study: StudyIndex, fixed_step: int) -> dict[tuple[str, str], Choice]:
    """(policy, task group) -> what it chooses for the runs of a cube; ``selections`` is the table of that name."""
    rows = selections[(selections["model"] == cube.model) & (selections["method"] == cube.method)]
    found: dict[tuple[str, str], Choice] = {}
    for group, policy in product(study.groups, policy_names()):
        part = rows[(rows["group"] == group) & (rows["policy"] == policy)]
        steps = dict(zip(part["run"], part["step"].astype(int), strict=True))
        found[policy, group] = Choice(cube.positions(steps)[None])
    candidates = cube.reached & (cube.steps <= fixed_step)
    for group in study.groups:
        found[FIXED_STEP, group] = Choice((candidates * np.arange(len(cube.steps))).max(axis=1)[None])
        found[SPLIT_HALF, group] = split_half(cube, study.tasks(group), study.seed)
    return found


def split_half(cube: Cube, tasks: list[str], seed: int) -> Choice:
    """Per half the step with the highest average over ``tasks`` on the items of the half, the first on ties; reported on the others.

    Halves are drawn in each task by itself.  They depend on ``seed``, the task and its number of items, so that all models share them.
    """
    held_out = {task: halves(cube.scores[task].shape[2], seed, task) for task in tasks}
    average = np.zeros((*cube.reached.shape, HALVES))
    for task in tasks:
        weights = ~held_out[task] / np.maximum((~held_out[task]).sum(axis=1, keepdims=True), 1)
        average += np.nan_to_num(cube.scores[task]) @ weights.T.astype(np.float64) / len(tasks)
    average = np.where(cube.reached[:, :, None], np.round(average, DECIMALS - 2), -np.inf)
    return Choice(average.argmax(axis=1).T, held_out)


def halves(items: int, seed: int, task: str) -> np.ndarray:
    """Random halves of ``items`` and their complements, bool [HALVES, items]: each item is held out of one half of them all."""
    if items < 2:
        return np.ones((HALVES, items), dtype=bool)  # no other item to choose by
    order = named_rng(seed, f"halves/{task}").permuted(np.tile(np.arange(items), (HALVES // 2, 1)), axis=1)
    drawn = order >= items // 2
    return np.concatenate([drawn, ~drawn])
