"""The tree layout must give the plain layout's scores on the model at hand before it is used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.evaluate.encoding.encode import Layout, encode_items
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.evaluate.scoring.trial_items import TOLERANCE, TRIAL_ITEMS, trial_items
from gap.models.equivalence import UNSUITED, Tolerance, describe_error, prove_equivalent
from gap.tasks.items import MultipleChoice

if TYPE_CHECKING:
    from gap.evaluate.engine.split_model import SplitModel

LOG = logging.getLogger(__name__)


def choose_layout(network: SplitModel, items: Sequence[MultipleChoice], tokenizer: Any, max_length: int, device: str) -> tuple[Layout, str]:
    """``tree`` where it gives the plain layout's scores of the job's first and longest items (fp32), else ``plain`` and the (logged) reason."""

    trial = trial_items(items, TRIAL_ITEMS, lambda item: len(item.context) + max(map(len, item.continuations)))

    def score(layout: Layout) -> np.ndarray:
        chunks = encode_items(trial, tokenizer, max_length, max_length, device, layout)
        return np.concatenate([sums for chunk in score_chunks(network, chunks) for sums in chunk])

    return prove_layout(network, score)


def prove_layout(network: SplitModel, score: Callable[[Layout], np.ndarray], tolerance: Tolerance = TOLERANCE) -> tuple[Layout, str]:
    """``tree`` where ``score`` gives the same log-probabilities (nats) by both layouts, else ``plain`` and the (logged) reason.

    A model must take a 4-D mask and position ids; some do not, some do and ignore them.
    """
    reference = score("plain")
    try:
        reason = prove_equivalent(reference, score("tree"), tolerance)
        reason = f"log-probabilities {reason}" if reason else ""
    except UNSUITED as error:
        reason = f"it does not take a 4-D mask and position ids ({describe_error(error)})"
    if reason:
        LOG.warning("%s is scored without trees: %s", type(network.model).__name__, reason)
    return ("plain", reason) if reason else ("tree", "")
