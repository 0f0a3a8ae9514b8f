"""The highest average over the steps that the authors' stopping rule lets happen, the first on ties."""

from __future__ import annotations

import numpy as np

from gap.aggregate.policies import POLICIES, Policy, first_maximum


def authors(values: np.ndarray, stopped: int) -> int:
    """The step with the highest average up to the one at which the rule stops the run."""
    return first_maximum(values[: stopped + 1])


POLICIES.add(Policy("authors", authors, detailed=False, order=2))
