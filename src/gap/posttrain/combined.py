"""Many runs as one checkpoint: the weighted sum of their changes, update by update."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gap.core.errors import Refused
from gap.methods import COMBINATIONS
from gap.models.weights import Snapshot, weights_digest
from gap.params.methods import Method
from gap.posttrain.run import Update, base_row, run_updates
from gap.posttrain.transformed import transform
from gap.runtime.process_group import broadcast_from_first, process_group

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: Share of the host's free memory that sums may take; no result depends on it.
SHARE = 0.5


def combined(
    model: PreTrainedModel, base: Snapshot, runs: Sequence[Sequence[Tensor]], method: Method, updates: int, host: bool
) -> Iterator[Update]:
    """Rows of the combination of ``runs`` (each the texts of one run); its weights are in ``model`` behind each real row.

    Row e combines the runs' weights behind their e-th update.  Loss, gradient norm, update norm, moved share and
    ``trained_distance`` are the plain means over the runs, so that the combination's own ``distance`` can be held
    against the average one; seconds are their sum.  Where a run diverges the combination ends with a row ``diverged``.

    Sums are kept on the host, for as many updates at a time as fit; the runs are repeated for the next ones.

    Raises
    ------
    Refused: a run did not begin at the base weights.
    """
    assert method.combine is not None
    coefficients = COMBINATIONS.of(method.combine).function(method.combine, len(runs))
    start = weights_digest(model)
    yield (row := base_row(start, method.gap))
    for epochs in _parts(updates, _room(base)):
        sums = {epoch: [torch.zeros(tensor.shape) for tensor in base.live] for epoch in epochs}
        rows: dict[int, list[Update]] = {epoch: [] for epoch in epochs}
        for coefficient, texts in zip(coefficients, runs, strict=True):
            base.restore()
            for done in run_updates(model, base, texts, method.gap, epochs[-1], host):
                _check_base(done, start)
                if done.epoch in rows:
                    rows[done.epoch].append(done)
                    _add(sums[done.epoch], base, coefficient)
        for epoch in epochs:
            row = _row(rows.pop(epoch), row, epoch, len(runs))
            if row.real:
                row = _scored(row, model, base, sums.pop(epoch), method)
            yield row
            if row.diverged:
                return


def _check_base(row: Update, start: str) -> None:
    if row.epoch == 0 and row.digest != start:
        raise Refused(
            "a run of the combination",
            f"weights {row.digest} at its start",
            f"the base weights {start}",
            "Report this: a run left something behind.",
        )


def _parts(updates: int, room: int) -> Iterator[range]:
    """The updates 1 to ``updates``, ``room`` at a time."""
    for first in range(1, updates + 1, room):
        yield range(first, min(first + room, updates + 1))


def _room(base: Snapshot) -> int:
    """How many sums fit into the host's free memory, one at least; the processes of a team share one host."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // process_group().world_size
    return broadcast_from_first(lambda: max(1, int(free * SHARE) // (4 * sum(tensor.numel() for tensor in base.live))))


@torch.no_grad()
def _add(sums: list[Tensor], base: Snapshot, coefficient: float) -> None:
    for total, live, kept in zip(sums, base.live, base.kept, strict=True):
        total.add_((live - kept.to(live.device)).to(total.device), alpha=coefficient)


def _row(done: list[Update], before: Update, epoch: int, runs: int) -> Update:
    """The combination's row but for what its weights tell."""
    if len(done) < runs or any(row.diverged for row in done):
        lost = [row for row in done if row.diverged] or done
        return Update(
            before.step, epoch, False, lost[0].loss if lost else np.nan, np.nan, 0.0, 0.0, before.distance, before.trained_distance,
            before.loss_scale, True, before.digest, sum(row.seconds for row in done),
        )  # fmt: skip

    def mean(column: str) -> float:
        return float(np.mean([getattr(row, column) for row in done]))

    real = any(row.real for row in done)
    return Update(
        before.step + real, epoch, real, mean("loss"), mean("grad_norm"), mean("update_norm"), mean("changed_fraction"), before.distance,
        mean("trained_distance"), max(row.loss_scale for row in done), False, before.digest, sum(row.seconds for row in done),
    )  # fmt: skip


@torch.no_grad()
def _scored(row: Update, model: PreTrainedModel, base: Snapshot, sums: list[Tensor], method: Method) -> Update:
    """Put the combination's weights into the model."""
    from dataclasses import replace

    for live, kept, total in zip(base.live, base.kept, sums, strict=True):
        live.copy_(kept.to(live.device) + total.to(live.device))
    if method.transforms:
        digest, distance = transform(model, base, method.transforms)
        return replace(row, digest=digest, distance=distance)
    return replace(row, digest=weights_digest(model), distance=base.distance())
