"""Transforms of a finished change: the weights that are scored differ from those that training goes on with."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from gap.core.errors import Refused
from gap.methods import TRANSFORMS
from gap.methods.difference import Difference
from gap.models.sharding import gather_full, local_rows
from gap.models.weights import Snapshot, weights_digest
from gap.posttrain.row import TrajectoryRow


@torch.no_grad()
def transform(base: Snapshot, transforms: Sequence[Any]) -> tuple[str, float]:
    """Apply ``transforms`` in turn to (weights - base weights), in place; returns the digest of the new weights and their distance.

    Raises
    ------
    BadInput: a transform goes by layer and the model has no numbered layers.
    Refused: a weight is not finite before or after it.
    """
    _check(base.distance(), "before the transforms")
    for live, saved in zip(base.live, base.saved, strict=True):
        live.sub_(saved.to(live.device))
    names, weights = zip(*((name, weight.detach()) for name, weight in base.model.named_parameters()), strict=True)
    difference = Difference(
        list(names), base.live, lambda number: gather_full(weights[number]), lambda number, rows: local_rows(weights[number], rows)
    )
    for settings in transforms:
        TRANSFORMS.of(settings).function(settings, difference)
    for live, saved in zip(base.live, base.saved, strict=True):
        live.add_(saved.to(live.device))
    distance = base.distance()
    _check(distance, f"behind {', '.join(settings.kind for settings in transforms)}")
    return weights_digest(base.model), distance


def _check(distance: float, when: str) -> None:
    if not math.isfinite(distance):
        raise Refused(
            "transforms",
            f"weights that are not finite {when}",
            "finite weights",
            "The run diverged, or the settings are too large: lower them.",
        )


def transformed(rows: Iterator[TrajectoryRow], base: Snapshot, transforms: Sequence[Any]) -> Iterator[TrajectoryRow]:
    """The rows of a run with digest and distance of the transformed weights, which are in the model behind each real row.

    Training goes on from its own weights; a copy of them is kept meanwhile.

    Raises
    ------
    BadInput, Refused: as ``transform``; or the trained weights did not come back bit for bit.
    """
    digest, distance = "", 0.0
    for row in rows:
        if not row.real:
            yield dataclasses.replace(row, digest=digest or row.digest, distance=distance)
            continue
        trained = Snapshot(base.model, offload=base.offload)
        digest, distance = transform(base, transforms)
        yield dataclasses.replace(row, digest=digest, distance=distance)
        trained.restore(row.digest)
