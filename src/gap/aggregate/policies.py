"""Which step of a run is its result: three named rules.

=========  ==========================================================================================================
best       the highest average over the steps 0 to n, the first on ties: the paper's figure of a run.  Step 0 is the
           unmodified model, so the gain cannot be negative.
authors    the same over the steps that their stopping rule lets happen.
last       the last real step; nothing is chosen by looking at scores.
=========  ==========================================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POLICIES = ("best", "authors", "last")
#: Averages of equal counts can differ in the last bits with the order of summation; they are compared at this precision.
DECIMALS = 12
#: The rule looks from the authors' epoch 5 on.  They count from 0 and validate after the update, so that is after 6.
FIRST_LOOK = 6
PATIENCE = 2


def stop(averages: Sequence[np.ndarray], epochs: Sequence[int]) -> int:
    """Step at which the authors' rule ends a run.

    Parameters
    ----------
    averages: for each task group the run has, its average by step, float64 [n + 1]; step 0 is the unmodified model.
    epochs: step reached after each tried update (entry 0: no update), as in ``trajectories.steps_by_epoch``.

    From the look at ``FIRST_LOOK`` tried updates on, every look at which *no* group reaches its maximum so far counts;
    at the second count (not necessarily in a row) the run stops (authors' ``trackers.py``).  The unmodified model
    counts among the maxima, as it does in effect for the authors, whose first two updates are skipped by the loss scaler.
    """
    rounded = [np.round(values, DECIMALS) for values in averages]
    highest = [values[0] for values in rounded]
    count = 0
    for tried, step in enumerate(epochs[1:], 1):
        now = [values[step] for values in rounded]
        if tried >= FIRST_LOOK and all(value < top for value, top in zip(now, highest, strict=True)):
            count += 1
        if count >= PATIENCE:
            return step
        highest = [max(value, top) for value, top in zip(now, highest, strict=True)]
    return epochs[-1]


def choose(policy: str, values: np.ndarray, stopped: int) -> int:
    """The step that ``policy`` picks from ``values`` (average by step, float64 [n + 1]); ``stopped`` is ``stop``'s step."""
    if policy == "last":
        return len(values) - 1
    allowed = values if policy == "best" else values[: stopped + 1]
    return int(np.argmax(np.round(allowed, DECIMALS)))
