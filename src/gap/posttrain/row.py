"""The row of table ``trajectories`` that each update leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gap.core.errors import Refused


@dataclass(frozen=True)
class TrajectoryRow:
    """One row of table ``trajectories``; its columns are explained there (``gap.core.tables``)."""

    step: int
    epoch: int
    real: bool
    loss: float
    grad_norm: float
    update_norm: float
    changed_fraction: float
    distance: float
    trained_distance: float
    loss_scale: float
    diverged: bool
    digest: str
    seconds: float


def base_row(digest: str, loss_scale: float) -> TrajectoryRow:
    """Row 0: the unmodified model."""
    return TrajectoryRow(0, 0, False, math.nan, math.nan, 0.0, 0.0, 0.0, 0.0, loss_scale, False, digest, 0.0)


def check_base(run: str, row: TrajectoryRow, expected: str) -> None:
    """Row 0 of a run must have the digest ``expected``; rows behind it are not looked at.

    Raises
    ------
    Refused: the run did not start from these base weights.
    """
    if row.epoch == 0 and row.digest != expected:
        raise Refused(
            run,
            f"base weights {row.digest} at its start",
            f"the digest {expected}",
            "The model is not the one that the run was made with: build it or post-train again. If it is, report this.",
        )
