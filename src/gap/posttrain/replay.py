"""Rebuilding checkpoints from their recipe: base weights, method, texts and step, held to the recorded digests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gap.core.errors import Refused
from gap.params.methods import Method
from gap.posttrain.method import Texts, run_method
from gap.posttrain.run import Update

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel

    from gap.models.weights import Snapshot


class ReplayWarning(UserWarning):
    """A replayed checkpoint has other bits than the recorded one, within the tolerance that was asked for."""


@dataclass
class Tally:
    """What replays have found, for the provenance record: checkpoints equal bit for bit, those within the tolerance, and the
    largest relative difference of loss or update norm among the latter.
    """

    equal: int = 0
    near: int = 0
    largest: float = 0.0


def replay(
    model: PreTrainedModel,
    snapshot: Snapshot,
    texts: Texts,
    method: Method,
    expected: pd.DataFrame,
    tolerance: float,
    host: bool = False,
    tally: Tally | None = None,
) -> Iterator[int]:
    """Put the base weights back and walk through a run again; yields each real step's number with its weights in ``model``.

    Parameters
    ----------
    snapshot: the base weights.
    texts: token ids, int64 [n] each, of the run's texts (``gap.models.text.run_ids``).
    expected: this run's rows of table ``trajectories``, as many epochs of them as are to be replayed.
    tolerance: largest relative difference of loss and update norm at which a checkpoint with another digest is still
        accepted (once per run with a ``ReplayWarning``); 0 refuses.
    tally: where to count what was found.

    Raises
    ------
    Refused: the base weights are not the recorded ones, or an update differs.
    """
    rows: list[Any] = list(expected.sort_values("epoch").itertuples(index=False))
    counts = tally if tally is not None else Tally()
    snapshot.restore()
    warned = False
    for row, done in zip(rows, run_method(model, snapshot, texts, method, int(rows[-1].epoch), host), strict=True):
        _check_base(row, done)
        apart = _check_update(row, done, tolerance)
        if done.digest == row.digest:
            counts.equal += done.real
        else:
            counts.near += done.real
            counts.largest = max(counts.largest, apart)
            if not warned:
                warned = True
                warnings.warn(
                    f"run {row.run}: replayed within {tolerance:g}, not bit for bit, from step {row.step} on", ReplayWarning, stacklevel=2
                )
        if done.real:
            yield done.step


def _check_base(row: Any, done: Update) -> None:
    if row.epoch == 0 and done.digest != row.digest:
        raise Refused(
            f"run {row.run}",
            f"base weights {done.digest}",
            f"the recorded {row.digest}",
            "The model is not the one the run was made with: build the model or post-train again.",
        )


def _check_update(row: Any, done: Update, tolerance: float) -> float:
    """Refuse an update with another digest unless loss and update norm agree within ``tolerance``; their relative difference."""
    same = (row.epoch, row.step, row.real, row.diverged) == (done.epoch, done.step, done.real, done.diverged)
    apart = max(_apart(row.loss, done.loss), _apart(row.update_norm, done.update_norm))
    if not same or (done.digest != row.digest and not (tolerance > 0 and apart <= tolerance)):
        raise Refused(
            f"run {row.run}, step {row.step}",
            f"replayed weights {done.digest} (loss and update norm differ by {apart:.2g}, relative)",
            f"the recorded {row.digest}" + (f", or a difference of at most {tolerance:g}" if tolerance > 0 else ""),
            "The recorded run comes from other hardware, threads or versions: post-train again here, or set evaluate.replay_tolerance.",
        )
    return apart


def _apart(recorded: float, found: float) -> float:
    """Relative difference; 0 for two equal values or two that are not numbers."""
    if recorded == found or (math.isnan(recorded) and math.isnan(found)):
        return 0.0
    largest = max(abs(recorded), abs(found))
    return abs(recorded - found) / largest if math.isfinite(largest) else math.inf
