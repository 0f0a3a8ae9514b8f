"""The highest average over the steps 0 to n, the first on ties: the paper's figure of a run.

Step 0 is the unmodified model, so the gain cannot be negative.
"""

from __future__ import annotations

import numpy as np

from gap.aggregate.policies import POLICIES, Policy, first_maximum


def best(values: np.ndarray, stopped: int) -> int:
    """The step with the highest average."""
    return first_maximum(values)


POLICIES.add(Policy("best", best, order=1))
