"""Which step of a run is its result: one module per rule (docs/extending.md, "A selection policy")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gap.core.discovery import Catalogue

#: Averages of equal counts can differ in the last bits with the order of summation; they are compared at this precision.
DECIMALS = 12


@dataclass(frozen=True)
class Policy:
    """A named rule.

    ``choose`` takes a run's average over a task group by scored step, float64 [n + 1] (the first is step 0, the unmodified
    model), and the position among them at which the authors' stopping rule ends the run; it gives the position that counts.  ``detailed``: reported also per
    task, in contrasts between methods, and against the features of the texts, not only as averages.  ``order`` is its
    position in the tables.
    """

    name: str
    choose: Callable[[np.ndarray, int], int]
    detailed: bool = True
    order: int = 1000


POLICIES: Catalogue[Policy] = Catalogue("gap.aggregate.policies")


def policy_names() -> list[str]:
    """All policies, in the order of the tables."""
    return [policy.name for policy in POLICIES]


def detailed_names() -> list[str]:
    """Those that are reported per task, in contrasts and against features too."""
    return [policy.name for policy in POLICIES if policy.detailed]


def first_maximum(values: np.ndarray) -> int:
    """Position of the highest of ``values`` [n], the first on ties."""
    return int(np.argmax(np.round(values, DECIMALS)))
