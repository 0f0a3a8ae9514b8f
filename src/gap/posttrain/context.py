"""What all runs of one base model share."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from gap.models.weights import Snapshot

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class RunContext:
    """A loaded model and its base weights.

    model: in fp32 and eval mode; a run changes its weights in place.
    base: snapshot of the base weights, which must be in ``model`` when a run starts.
    offload: whether gradients, optimizer state and copies stay in the host's memory (``jobs.memory``); no result depends on it.
    """

    model: PreTrainedModel
    base: Snapshot
    _: KW_ONLY
    offload: bool = False


def open_context(model: PreTrainedModel, *, offload: bool = False) -> RunContext:
    """The context of a model whose present weights are the base; their copy is in half precision where that loses no bit."""
    return RunContext(model, Snapshot(model, offload=offload, compact=True), offload=offload)
