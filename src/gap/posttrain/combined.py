"""Many runs as one checkpoint: the weighted sum of their changes, update by update."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gap.methods.combinations import SUMS
from gap.models.weights import Snapshot, weights_digest
from gap.posttrain.row import TrajectoryRow, check_base
from gap.runtime.checkup import memory
from gap.runtime.process_group import broadcast_from_first, process_group

#: Share of the host's available memory that sums may take; no result depends on it.
SHARE = 0.5
#: Columns of the combination that are means over the runs.
MEANS = ("loss", "grad_norm", "update_norm", "changed_fraction", "trained_distance")
#: Number of updates -> the rows of a run from the base weights that are in the model now.
Run = Callable[[int], Iterator[TrajectoryRow]]


def combined(base: Snapshot, runs: Sequence[Run], coefficients: Sequence[float], updates: int) -> Iterator[TrajectoryRow]:
    """Rows of the combination of ``runs``; its weights are in the model behind each real row.

    Row e combines the runs' weights behind their e-th update.  Loss, gradient norm, update norm, changed fraction and
    ``trained_distance`` are the plain means over the runs, so that the combination's own ``distance`` can be held
    against the average one; seconds are their sum.  Where a run diverges the combination ends with a row ``diverged``.

    Sums are kept on the host, for as many updates at a time as fit; the runs are repeated for the next ones.

    Raises
    ------
    Refused: a run did not begin at the base weights.
    """
    [row] = runs[0](0)
    start = row.digest
    yield row
    count = _sums_that_fit(base)
    for first in range(1, updates + 1, count):
        epochs = range(first, min(first + count, updates + 1))
        sums = {epoch: [torch.zeros(tensor.shape) for tensor in base.live] for epoch in epochs}
        members: dict[int, list[TrajectoryRow]] = {epoch: [] for epoch in epochs}
        for coefficient, run in zip(coefficients, runs, strict=True):
            base.restore()
            for member in run(epochs[-1]):
                check_base("a run of the combination", member, start)
                if member.epoch in members:
                    members[member.epoch].append(member)
                    _add_change(sums[member.epoch], base, coefficient)
        for epoch in epochs:
            row = _mean_row(members.pop(epoch), row, len(runs))
            if row.real:
                _load_sums(base, sums.pop(epoch))
                row = dataclasses.replace(row, digest=weights_digest(base.model), distance=base.distance())
            yield row
            if row.diverged:
                return


def _sums_that_fit(base: Snapshot) -> int:
    """How many sums fit into the host's available memory, from 1 to ``SUMS``; the processes of a group share one host."""
    room = memory()[1] * 2**20 * SHARE / process_group().world_size
    return broadcast_from_first(lambda: max(1, min(SUMS, int(room) // (4 * sum(tensor.numel() for tensor in base.live)))))


@torch.no_grad()
def _add_change(sums: list[Tensor], base: Snapshot, coefficient: float) -> None:
    for total, live, saved in zip(sums, base.live, base.saved, strict=True):
        total.add_((live - saved.to(live.device)).to(total.device), alpha=coefficient)


@torch.no_grad()
def _load_sums(base: Snapshot, sums: list[Tensor]) -> None:
    """Put base weights plus ``sums`` into the model."""
    for live, saved, total in zip(base.live, base.saved, sums, strict=True):
        live.copy_(saved.to(live.device) + total.to(live.device))


def _mean_row(members: list[TrajectoryRow], before: TrajectoryRow, runs: int) -> TrajectoryRow:
    """The combination's row behind ``before``, but for digest and distance of its weights."""
    row = dataclasses.replace(before, epoch=before.epoch + 1, seconds=sum(member.seconds for member in members))
    if len(members) < runs or any(member.diverged for member in members):
        diverged = [member for member in members if member.diverged] or members
        loss = diverged[0].loss if diverged else np.nan
        return dataclasses.replace(row, real=False, loss=loss, grad_norm=np.nan, update_norm=0.0, changed_fraction=0.0, diverged=True)
    means: dict[str, Any] = {column: float(np.mean([getattr(member, column) for member in members])) for column in MEANS}
    real = any(member.real for member in members)
    return dataclasses.replace(row, step=row.step + real, real=real, loss_scale=max(member.loss_scale for member in members), **means)
