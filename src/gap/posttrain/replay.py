"""Rebuilding checkpoints from their recipe: base weights, method, texts and step, held to the recorded digests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gap.core.errors import Refused
from gap.models.weights import Snapshot
from gap.params.methods import Method
from gap.posttrain.row import TrajectoryRow, check_base
from gap.posttrain.run import Texts, run_method

if TYPE_CHECKING:
    import pandas as pd


class ReplayWarning(UserWarning):
    """A replayed checkpoint has other bits than the recorded one, within the tolerance."""


@dataclass
class ReplayCheck:
    """What replayed checkpoints are held to, and how they compared, for the provenance record.

    tolerance: largest relative difference of loss and update norm at which a checkpoint with another digest is still
        accepted (once per run with a ``ReplayWarning``); 0 refuses.
    runs: replays begun; equal: checkpoints equal bit for bit; near: those within the tolerance; largest: the largest
        relative difference among the latter.
    """

    tolerance: float = 0.0
    runs: int = 0
    equal: int = 0
    near: int = 0
    largest: float = 0.0

    def count(self, recorded: Any, row: TrajectoryRow) -> bool:
        """Compare a replayed row with the recorded one, and count it where it is real; whether their digests are equal.

        Raises
        ------
        Refused: they differ, and by more than the tolerance.
        """
        difference = max(_relative(recorded.loss, row.loss), _relative(recorded.update_norm, row.update_norm))
        equal = recorded.digest == row.digest
        columns = ("epoch", "step", "real", "diverged")
        same = all(getattr(recorded, column) == getattr(row, column) for column in columns)
        if not same or not (equal or (self.tolerance > 0 and difference <= self.tolerance)):
            raise Refused(
                f"run {recorded.run}, step {recorded.step}",
                f"replayed weights {row.digest} (loss and update norm differ by {difference:.2g}, relative)",
                f"the recorded {recorded.digest}" + (f", or a difference of at most {self.tolerance:g}" if self.tolerance > 0 else ""),
                "The recorded run comes from other hardware, threads or versions: post-train again here, or set evaluate.replay_tolerance.",
            )
        if equal:
            self.equal += row.real
        else:
            self.near += row.real
            self.largest = max(self.largest, difference)
        return equal


def replay(base: Snapshot, texts: Texts, method: Method, expected: pd.DataFrame, check: ReplayCheck, retained: Texts = ()) -> Iterator[int]:
    """Put the base weights back and repeat a run; yields each real step's number with its weights in the model.

    Parameters
    ----------
    texts: token ids, int64 [n] each, of the run's texts (``gap.models.text.run_ids``).
    expected: this run's rows of table ``trajectories``, as many epochs of them as are to be replayed.
    check: the tolerance, and where comparisons are counted.
    retained: as ``texts``, of the texts that the run retains.

    Raises
    ------
    Refused: the base weights are not the recorded ones, or an update differs.
    """
    rows: list[Any] = list(expected.sort_values("epoch").itertuples(index=False))
    base.restore()
    check.runs += 1
    warned = False
    for recorded, row in zip(rows, run_method(base, texts, method, int(rows[-1].epoch), retained), strict=True):
        check_base(f"run {recorded.run}", row, recorded.digest)
        if not check.count(recorded, row) and not warned:
            warned = True
            text = f"run {recorded.run}: replayed within {check.tolerance:g}, not bit for bit, from step {recorded.step} on"
            warnings.warn(text, ReplayWarning, stacklevel=2)
        if row.real:
            yield row.step


def _relative(recorded: float, replayed: float) -> float:
    """Relative difference; 0 for two equal values or two that are not numbers."""
    if recorded == replayed or (math.isnan(recorded) and math.isnan(replayed)):
        return 0.0
    largest = max(abs(recorded), abs(replayed))
    return abs(recorded - replayed) / largest if math.isfinite(largest) else math.inf
