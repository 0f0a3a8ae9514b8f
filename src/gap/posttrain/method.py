"""A run's checkpoints one after the other, as its method makes them from the base weights and its texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from gap.methods import COMBINATIONS
from gap.params.methods import Method
from gap.posttrain.combined import combined
from gap.posttrain.context import RunContext
from gap.posttrain.row import TrajectoryRow
from gap.posttrain.run import run_updates
from gap.posttrain.transformed import transformed

if TYPE_CHECKING:
    from torch import Tensor

#: Token ids of a run's texts: one list per run that is combined (usually one), its texts of each update (usually one).
Texts = Sequence[Sequence["Tensor"]]


def run_method(context: RunContext, texts: Texts, method: Method, updates: int) -> Iterator[TrajectoryRow]:
    """Rows of table ``trajectories`` from row 0 on; behind each real row the weights to be scored are in the model.

    What else is done to the weights between two rows is lost.

    Raises
    ------
    BadInput, Refused: as ``gap.posttrain.run.run_updates`` and ``gap.posttrain.transformed.transform``.
    """
    if method.combine is None:
        rows = run_updates(context, texts[0], method.gap, updates)
    else:
        runs = [partial(run_updates, context, texts_of_run, method.gap) for texts_of_run in texts]
        rows = combined(context, runs, COMBINATIONS.of(method.combine).function(method.combine, len(runs)), updates)
    return transformed(rows, context, method.transforms) if method.transforms else rows
