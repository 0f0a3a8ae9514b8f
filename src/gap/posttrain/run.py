"""A run as rows of table ``trajectories``, from the base weights and its texts: what every update did to the weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from gap.core.digest import digest as json_digest
from gap.core.errors import BadInput
from gap.methods import COMBINATIONS, DIRECTIONS
from gap.methods.training import StepResult, WeightSlice
from gap.models.weights import Snapshot, WeightChange, WeightHasher, weights_digest
from gap.params.methods import Gap, Method
from gap.posttrain.combined import combined
from gap.posttrain.optimizer import BucketedOptimizer, learning_rate_shares
from gap.posttrain.parameter_buckets import BucketSlice, ParameterBuckets
from gap.posttrain.row import TrajectoryRow, base_row
from gap.posttrain.scaler import LossScaler
from gap.posttrain.step import TrainingState, take_step, text_losses
from gap.posttrain.transformed import transformed

#: Token ids of a run's texts: one list per run that is combined (usually one), its texts of each update (usually one).
Texts = Sequence[Sequence[Tensor]]


class PosttrainRun:
    """``gap.methods.training.TrainingRun`` on a model.

    Resident at most, with ``jobs.memory: device``: weights, base snapshot, gradients, optimizer state, and of one bucket a copy
    and what the optimizer computes on it; during the backward pass the activations of one text.

    Parameters
    ----------
    texts: token ids of each text of an update, int64 [n].
    retained: those of the texts whose objective is kept low meanwhile (direction ``retain``).
    """

    def __init__(self, base: Snapshot, texts: Sequence[Tensor], gap: Gap, updates: int, retained: Sequence[Tensor] = ()) -> None:
        self.base, self.gap, self.updates = base, gap, updates
        self.digest = weights_digest(base.model)
        weights = list(base.model.parameters())
        self.texts, self.retained = ([ids.to(weights[0].device) for ids in given] for given in (texts, retained))
        self.seed = int(json_digest([ids.tolist() for ids in texts], 15), 16)
        self.sizes = [weight.numel() for weight in weights]
        self.shares = learning_rate_shares(base.model, gap)
        self.parameters = ParameterBuckets(weights, offload=base.offload)
        self.state = self._fresh_state()

    def _fresh_state(self) -> TrainingState:
        optimizer = BucketedOptimizer(self.parameters, self.shares, self.gap)
        scaler = LossScaler(self.gap.loss_scale, enabled=self.gap.precision == "fp16")
        return TrainingState(self.base.model, self.texts, self.gap, self.parameters, optimizer, scaler, self.retained)

    def restore(self) -> None:
        """The base weights, a fresh optimizer and loss scaler.

        Raises
        ------
        Refused: the weights are not the base's bits.
        """
        self.base.restore(self.digest)
        self.state = self._fresh_state()

    def loss(self) -> float:
        """Mean token NLL (nats) of the texts at the present weights, averaged over the texts."""
        with torch.no_grad():
            return float(torch.stack([text_losses(self.base.model, ids, self.gap, 1)[0].double() for ids in self.texts]).mean())

    def gradient_steps(self, signs: Sequence[float], retain: float = 0.0) -> Iterator[StepResult]:
        """Updates (``gap.posttrain.step``), the signs in turn; ends behind a diverged one.

        Raises
        ------
        BadInput: there is no text to retain.
        """
        if retain and not self.retained:
            raise BadInput("gap.direction", "a run without retained texts", "one that names them", "Give the run's entry `retained`.")
        steps = 0
        for update in range(1, self.updates + 1):
            result = take_step(self.state, signs[steps % len(signs)], update, retain)
            steps += result.change is not None
            yield result
            if result.diverged:
                return

    @torch.no_grad()
    def apply(self, change: Callable[[WeightSlice], None]) -> WeightChange:
        """Let ``change`` change each slice of the weights in place, and measure what it did."""

        def change_bucket(_: int, bucket: Sequence[BucketSlice]) -> None:
            for item in bucket:
                change(WeightSlice(item.number, item.start, item.parameter.detach()))

        hasher = WeightHasher(self.base.model)
        for after, before in self.parameters.apply(change_bucket):
            hasher.add(after, before)
        return hasher.change()

    def close(self) -> None:
        """Free gradients and optimizer state."""
        self.parameters.close()
        self.state.optimizer.close()


def run_updates(
    base: Snapshot, texts: Sequence[Tensor], gap: Gap, updates: int, retained: Sequence[Tensor] = ()
) -> Iterator[TrajectoryRow]:
    """Try ``updates`` updates on ``texts`` (token ids, int64 [n] each), in place on the model; yields row 0, then a row behind each.

    A fresh optimizer without schedule; the whole gradient, of all weights; eval mode, so that nothing is random.  In
    fp16 a step whose gradient overflows is skipped and the scale halved, as in the authors' setting.  The run ends with
    a row ``diverged`` when the loss, without a scaler the gradient, or the updated weights are not finite; the
    weights are then those of the last real update.

    Raises
    ------
    BadInput: the learning rates go by layer and the model has no numbered layers, or there is no text to retain.
    Refused: the base weights, put back on the way, are not those that it began with.
    """
    run = PosttrainRun(base, texts, gap, updates, retained)
    try:
        row = base_row(run.digest, run.state.scaler.scale)
        yield row
        results = DIRECTIONS.of(gap.direction).function(gap.direction, run)
        while row.epoch < updates and not row.diverged:
            started = time.perf_counter()
            result = next(results)
            change, spoiled = result.change, False
            if change is not None and not math.isfinite(change.norm):
                run.close()
                base.restore(run.digest)
                for _ in run_updates(base, texts, gap, row.epoch, retained):
                    pass  # a checkpoint is its recipe, so no copy of the last one is kept
                change, spoiled = None, True
            distance = row.distance if change is None else base.distance()
            row = TrajectoryRow(
                step=row.step + (change is not None),
                epoch=row.epoch + 1,
                real=change is not None,
                loss=result.loss,
                grad_norm=result.grad_norm,
                update_norm=0.0 if change is None else change.norm,
                changed_fraction=0.0 if change is None else change.changed_fraction,
                distance=distance,
                trained_distance=distance,
                loss_scale=result.loss_scale,
                diverged=result.diverged or spoiled,
                digest=row.digest if change is None else change.digest,
                seconds=time.perf_counter() - started,
            )
            yield row
    finally:
        run.close()


def run_method(base: Snapshot, texts: Texts, method: Method, updates: int, retained: Texts = ()) -> Iterator[TrajectoryRow]:
    """Rows of table ``trajectories`` from row 0 on; behind each real row the weights to be scored are in the model.

    ``retained`` has the texts that are kept in mind (direction ``retain``), in the shape of ``texts``.  What else is done to the
    weights between two rows is lost.

    Raises
    ------
    BadInput, Refused: as ``run_updates`` and ``gap.posttrain.transformed.transform``.
    """
    if method.combine is None:
        rows = run_updates(base, texts[0], method.gap, updates, retained[0] if retained else ())
    else:
        pairs = zip(texts, retained or [()] * len(texts), strict=True)
        runs = [partial(run_updates, base, own, method.gap, retained=kept) for own, kept in pairs]
        rows = combined(base, runs, COMBINATIONS.of(method.combine).function(method.combine, len(runs)), updates)
    return transformed(rows, base, method.transforms) if method.transforms else rows
