"""Where a gain comes from: by step, what is answered and what of the gain is left once that is held equal.

For tasks with fixed labels (PubMedQA) the share of each predicted label, and the accuracy re-weighted so that each label is predicted as
often as by the unmodified model: a gain that only moves the prior of the answers goes away.  For other choices the same by position,
which should not matter.  For dialogue the mean number of words, and the F1 gain on items whose two answers have as many words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.study_index import ALL
from gap.core.tables import TABLES
from gap.estimate.cubes import Cube
from gap.estimate.samples import Samples

if TYPE_CHECKING:
    import pandas as pd


def answer_changes(samples: Samples) -> pd.DataFrame:
    """Table ``answer_changes``: one row per model, method, task, step and quantity; means over the runs that reached the step."""
    import pandas as pd

    rows = []
    for cube in samples.cubes.values():
        for task in samples.study.tasks(ALL):
            make = choice_shares if samples.study.task_entries[task].group == "classification" else lengths
            for place in range(len(cube.steps)):
                runs = np.flatnonzero(cube.reached[:, place])
                names = {"model": cube.model, "method": cube.method, "task": task, "step": int(cube.steps[place])}
                found = make(cube, task, place, runs) if len(runs) else {}
                rows += [names | {"runs": len(runs), "quantity": quantity, "value": value} for quantity, value in found.items()]
    return pd.DataFrame(rows, columns=list(TABLES["answer_changes"]))


def choice_shares(cube: Cube, task: str, place: int, runs: np.ndarray) -> dict[str, float]:
    """Share of each choice, points of accuracy, and the same at the unmodified model's shares."""
    chosen, right = cube.answers[task][runs, place], cube.scores[task][runs, place]
    before = cube.answers[task][runs, 0]
    choices = range(int(cube.answers[task].max()) + 1)
    shares = {choice: np.mean(chosen == choice, axis=1) for choice in choices}
    found: dict[str, Any] = {f"choice {choice}": float(share.mean()) for choice, share in shares.items()}
    held = np.zeros(len(runs))
    for choice in choices:
        picked = chosen == choice
        precision = np.where(picked, right, 0).sum(axis=1) / np.maximum(picked.sum(axis=1), 1)
        # a choice that is not picked any more has no accuracy of its own: that of all items stands in
        precision = np.where(picked.any(axis=1), precision, right.mean(axis=1))
        held += np.mean(before == choice, axis=1) * precision
    return found | {"score": float(right.mean()), "score at the first shares": float(held.mean())}


def lengths(cube: Cube, task: str, place: int, runs: np.ndarray) -> dict[str, float]:
    """Mean words of an answer, points of F1, share of items answered with as many words as before, and the gain on those."""
    words, before = cube.answers[task][runs, place], cube.answers[task][runs, 0]
    difference = cube.differences(task)[runs, place]
    equal = words == before
    found = {"words": float(words.mean()), "score": float(cube.scores[task][runs, place].mean()), "same length": float(equal.mean())}
    by_length = float(difference[equal].mean()) if equal.any() else float("nan")
    even = gain_at_equal_length(words - before, difference)
    return found | {"gain at the same length": by_length, "gain at no change of length": even}


def gain_at_equal_length(more: np.ndarray, difference: np.ndarray) -> float:
    """Intercept of the least-squares line of the F1 ``difference`` on the words ``more``, both [runs, items]: the gain at no change of length."""
    x, y = more.ravel().astype(float), difference.ravel().astype(float)
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 0 else 0.0
    return float(y.mean() - slope * x.mean())
