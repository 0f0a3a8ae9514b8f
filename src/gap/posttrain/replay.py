"""Rebuilding checkpoints from their recipe: base weights, method, text and step, held to the recorded digests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gap.core.errors import Refused
from gap.models.text import encode_text
from gap.params.methods import Gap
from gap.posttrain.ascent import Update, run_updates

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor
    from transformers import PreTrainedModel

    from gap.models.weights import Snapshot

__all__ = ["ReplayWarning", "encode_text", "replay"]


class ReplayWarning(UserWarning):
    """A replayed checkpoint has other bits than the recorded one, within the tolerance that was asked for."""


def replay(model: PreTrainedModel, snapshot: Snapshot, ids: Tensor, gap: Gap, expected: pd.DataFrame, tolerance: float) -> Iterator[int]:
    """Put the base weights back and walk through a run again; yields each real step's number with its weights in ``model``.

    Parameters
    ----------
    snapshot: the base weights.
    ids: the run's token ids, int64 [n] (``encode_text``).
    expected: this run's rows of table ``trajectories``, as many epochs of them as are to be replayed.
    tolerance: largest relative difference of loss and update norm at which a checkpoint with another digest is still
        accepted (once per run with a ``ReplayWarning``); 0 refuses.

    Raises
    ------
    Refused: the base weights are not the recorded ones, or an update differs.
    """
    rows: list[Any] = list(expected.sort_values("epoch").itertuples(index=False))
    snapshot.restore()
    warned = False
    for row, done in zip(rows, run_updates(model, ids, gap, int(rows[-1].epoch)), strict=True):
        _check_base(row, done)
        _check_update(row, done, tolerance)
        if done.digest != row.digest and not warned:
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


def _check_update(row: Any, done: Update, tolerance: float) -> None:
    """Refuse an update with another digest unless loss and update norm agree within ``tolerance`` (relative)."""
    same = (row.epoch, row.step, row.real, row.diverged) == (done.epoch, done.step, done.real, done.diverged)
    apart = max(_apart(row.loss, done.loss), _apart(row.update_norm, done.update_norm))
    if not same or (done.digest != row.digest and not (tolerance > 0 and apart <= tolerance)):
        raise Refused(
            f"run {row.run}, step {row.step}",
            f"replayed weights {done.digest} (loss and update norm differ by {apart:.2g}, relative)",
            f"the recorded {row.digest}" + (f", or a difference of at most {tolerance:g}" if tolerance > 0 else ""),
            "The recorded run comes from other hardware, threads or versions: post-train again here, or set evaluate.replay_tolerance.",
        )


def _apart(recorded: float, found: float) -> float:
    """Relative difference; 0 for two equal values or two that are not numbers."""
    if recorded == found or (math.isnan(recorded) and math.isnan(found)):
        return 0.0
    largest = max(abs(recorded), abs(found))
    return abs(recorded - found) / largest if math.isfinite(largest) else math.inf
