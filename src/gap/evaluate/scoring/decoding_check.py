"""Decoding with a cache must give the logits of plain passes on the model at hand before it is used."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gap.evaluate.engine.split_model import SplitModel
from gap.evaluate.scoring.decoding import Decoding, cached_answers, plain_nll
from gap.evaluate.scoring.trial_items import TOLERANCE
from gap.models.equivalence import LOGITS_TOLERANCE, UNSUITED, describe_error, prove_equivalent
from gap.models.sharding import without_gradients

if TYPE_CHECKING:
    from gap.evaluate.scoring.dialogue import Dialogues

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordingModel(SplitModel):
    """The network, which keeps the logits that decoding asks it for."""

    seen: list[Tensor] = field(default_factory=list)

    def logits(self, features: Tensor) -> Tensor:
        """As ``SplitModel.logits``."""
        logits = super().logits(features)
        self.seen.append(logits)
        return logits


def choose_decoding(network: SplitModel, dialogues: Dialogues) -> tuple[Decoding, str]:
    """``cached`` where it gives the plain passes' logits on ``dialogues``, a few of the job's (fp32), else ``plain`` and the (logged) reason.

    A model must heed the mask over its cache and position ids that differ from row to row; some do not.
    """
    # a table without an end: every row is decoded to the last step
    reason = _prove_cached(network, replace(dialogues, table=torch.zeros_like(dialogues.table[:1]).repeat(2, 1)))
    if reason:
        LOG.warning("%s decodes without a cache: %s", type(network.model).__name__, reason)
    return ("plain", reason) if reason else ("cached", "")


@without_gradients()
def _prove_cached(network: SplitModel, dialogues: Dialogues) -> str:
    """Why decoding with a cache does not give the logits, or the NLL, of plain passes; empty where it does."""
    [chunk] = dialogues.chunks
    recording = RecordingModel(**vars(network))
    try:
        tokens, nll = cached_answers(recording, dialogues, chunk)
    except UNSUITED as error:
        return f"it does not take a mask over its cache and position ids ({describe_error(error)})"
    prompts, steps, seen = len(chunk.prompts), dialogues.max_steps, recording.seen
    logits = torch.stack([torch.cat(seen[:prompts]), *seen[prompts:]], dim=1)  # [rows, steps + 1, vocabulary]
    seen.clear()
    row, expected = 0, []
    for group in chunk.prompts:
        count, width = group.batch.ids.shape
        lengths = (group.last % width + 1)[:, None]
        columns = lengths + torch.arange(steps, device=lengths.device)
        ids = torch.cat([group.batch.ids, group.batch.ids.new_zeros(count, steps)], dim=1)
        ids = ids.scatter(1, columns, tokens[row : row + count, :steps])
        places = torch.cat([lengths - 1, columns], dim=1)
        features = network.features(ids[:, : int(lengths.max()) + steps], use_cache=False)
        index = torch.arange(count, device=ids.device)[:, None]
        expected.append(network.logits(features[index, places]))
        row += count
    reason = prove_equivalent(torch.cat(expected), logits, LOGITS_TOLERANCE)
    if reason:
        return f"the logits of its answers {reason}"
    reason = prove_equivalent(plain_nll(network, chunk), nll, TOLERANCE)
    return f"the log-probabilities of its references {reason}" if reason else ""
