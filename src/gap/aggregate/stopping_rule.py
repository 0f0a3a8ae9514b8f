"""When the authors' training loop ends a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gap.aggregate.policies import DECIMALS

#: The rule looks from the authors' epoch 5 on.  They count from 0 and validate after the update, so that is after 6.
FIRST_LOOK = 6
PATIENCE = 2


def stop(averages: Sequence[np.ndarray], epochs: Sequence[int], steps: Sequence[int] | None = None) -> int:
    """Step at which the authors' rule ends a run.

    Parameters
    ----------
    averages: for each task group the run has, its average by step, float64 [n + 1]; step 0 is the unmodified model.
    steps: those that the averages are of, where not all are scored; the rule then looks where it can, and ends at the last of them.
    epochs: step reached after each tried update (entry 0: no update), as in ``trajectories.steps_by_epoch``.

    From the look at ``FIRST_LOOK`` tried updates on, every look at which *no* group reaches its maximum so far counts;
    at the second count (not necessarily in a row) the run stops (authors' ``trackers.py``).  The unmodified model
    counts among the maxima, as it does in effect for the authors, whose first two updates are skipped by the loss scaler.
    """
    rounded = [np.round(values, DECIMALS) for values in averages]
    highest = [values[0] for values in rounded]
    positions = {step: position for position, step in enumerate(range(epochs[-1] + 1) if steps is None else steps)}
    count = 0
    for update, step in enumerate(epochs[1:], 1):
        if step not in positions:
            continue
        now = [values[positions[step]] for values in rounded]
        if update >= FIRST_LOOK and all(value < top for value, top in zip(now, highest, strict=True)):
            count += 1
        if count >= PATIENCE:
            return step
        highest = [max(value, top) for value, top in zip(now, highest, strict=True)]
    return max(positions)
