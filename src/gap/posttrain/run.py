"""A run as rows of table ``trajectories``: what every update tried did to the weights."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gap.methods import DIRECTIONS
from gap.models.weights import Snapshot, weights_digest
from gap.params.methods import Gap
from gap.posttrain.step import RunTraining

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Update:
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


def base_row(digest: str, gap: Gap) -> Update:
    """Row 0: the unmodified model."""
    scale = gap.loss_scale if gap.precision == "fp16" else 1.0
    return Update(0, 0, False, math.nan, math.nan, 0.0, 0.0, 0.0, 0.0, scale, False, digest, 0.0)


def run_updates(
    model: PreTrainedModel, base: Snapshot, texts: Sequence[Tensor], gap: Gap, updates: int, host: bool = False
) -> Iterator[Update]:
    """Try ``updates`` updates on ``texts`` (token ids, int64 [n] each), in place on ``model``; yields row 0, then a row behind each.

    A fresh optimizer without schedule; the whole gradient, of all weights; eval mode, so that nothing is random.  In
    fp16 a step whose gradient overflows is skipped and the scale halved, as in the authors' setting.  The run ends with
    a row ``diverged`` when the loss, without a scaler the gradient, or the updated weights are not finite; the
    weights are then those of the last real update.

    Parameters
    ----------
    base: snapshot of the base weights, which are in ``model`` now.
    host: whether gradients and optimizer's state wait in the host's memory; no result depends on it.

    Raises
    ------
    BadInput: the learning rates go by layer and the model has no numbered layers.
    Refused: the base weights, put back on the way, are not those that it began with.
    """
    start = weights_digest(model)
    row = base_row(start, gap)
    yield row
    training = RunTraining(model, base, start, texts, gap, updates, host)
    try:
        tries = DIRECTIONS.of(gap.direction).function(gap.direction, training)
        for epoch in range(1, updates + 1):
            started = time.perf_counter()
            tried = next(tries)
            done, spoiled = tried.change, False
            if done is not None and not math.isfinite(done.norm):
                training.close()
                base.restore(start)
                for _ in run_updates(model, base, texts, gap, epoch - 1, host):
                    pass  # a checkpoint is its recipe, so no copy of the last one is kept
                done, spoiled = None, True
            distance = row.distance if done is None else base.distance()
            row = Update(
                step=row.step + (done is not None),
                epoch=epoch,
                real=done is not None,
                loss=tried.loss,
                grad_norm=tried.grad_norm,
                update_norm=0.0 if done is None else done.norm,
                changed_fraction=0.0 if done is None else done.changed_fraction,
                distance=distance,
                trained_distance=distance,
                loss_scale=tried.loss_scale,
                diverged=tried.diverged or spoiled,
                digest=row.digest if done is None else done.digest,
                seconds=time.perf_counter() - started,
            )
            yield row
            if row.diverged:
                return
    finally:
        training.close()
