"""A run's checkpoints one after the other, as its method makes them from the base weights and its texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gap.models.weights import Snapshot
from gap.params.methods import Method
from gap.posttrain.combined import combined
from gap.posttrain.run import Update, run_updates
from gap.posttrain.transformed import transformed

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

#: Token ids of a run's texts: one list per run that is combined (usually one), its texts of each update (usually one).
Texts = Sequence[Sequence["Tensor"]]


def run_method(model: PreTrainedModel, base: Snapshot, texts: Texts, method: Method, updates: int, host: bool = False) -> Iterator[Update]:
    """Rows of table ``trajectories`` from row 0 on; behind each real row the weights to be scored are in ``model``.

    What else is done to the weights between two rows is lost.

    Parameters
    ----------
    base: snapshot of the base weights, which are in ``model`` now.
    host: whether gradients, optimizer's state and copies wait in the host's memory (``jobs.memory``).

    Raises
    ------
    BadInput, Refused: as ``gap.posttrain.run.run_updates`` and ``gap.posttrain.transformed.transform``.
    """
    if method.combine is not None:
        return combined(model, base, texts, method, updates, host)
    rows = run_updates(model, base, texts[0], method.gap, updates, host)
    return transformed(rows, model, base, method.transforms, host) if method.transforms else rows
