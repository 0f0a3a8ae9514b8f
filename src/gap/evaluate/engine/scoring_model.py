"""A copy of a model that scores in its place: packed or cast weights, attention in slices, a pruned last layer.

Every optimisation must give the logits of the model as it is on a trial batch at start-up, or it is left out with a reason;
that goes to the log and to the provenance record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gap.evaluate.engine.cast_weights import CastScoringModel, ScoringModel, weights_size
from gap.evaluate.engine.chunked_attention import SLICE, SLICED
from gap.evaluate.engine.equivalence import UNSUITED, Tolerance, describe_error, prove_equivalent
from gap.evaluate.engine.last_layer_pruning import prune
from gap.evaluate.engine.packed_linear import PackedScoringModel
from gap.evaluate.engine.split_model import LOGITS_TOLERANCE, TRIAL_WIDTH, SplitModel, max_positions
from gap.models.causality import trial_ids
from gap.models.precision import autocast
from gap.models.sharding import without_gradients
from gap.runtime.process_group import process_group

#: The trial batch of pruning and slices: its width (two slices of attention, the last one short), and which positions are read.
WIDTH, STRIDE = SLICE + TRIAL_WIDTH, 3
#: Allowed difference of logits between packed weights and plain ones under the same autocast.
AUTOCAST_TOLERANCE = Tolerance(of_largest=2e-2)
#: Bytes of weights: fewer stay in a core's cache however they lie, and every optimisation costs more than it gains; more are not
#: copied in another layout, because a CPU that scores so large a model needs its memory for other things.
MIN_SIZE, MAX_PACKED_SIZE = 8 * 2**20, 4 * 2**30
LOG = logging.getLogger(__name__)


def open_scoring_model(network: SplitModel, dtype: torch.dtype | None) -> ScoringModel | None:
    """The copy to score with; None where the model as it is does as well, or where processes share it: a copy holds whole layers.

    ``dtype`` is autocast's, None for fp32.  Weights are packed on a CPU where that passes its trial, cast once per checkpoint
    elsewhere under autocast, and the original's otherwise.
    """
    model, device = network.model, network.model.device.type
    if process_group().world_size > 1:
        return None
    size = weights_size(model, dtype)
    if size < MIN_SIZE:
        LOG.info("%s is scored as it is: its weights, %.1f MiB, stay in the cache", type(model).__name__, size / 2**20)
        return cast_scoring_model(network, dtype)
    packed, reason = pack_weights(network, dtype) if device == "cpu" else (None, "")
    scoring_model: ScoringModel = packed or cast_scoring_model(network, dtype) or ScoringModel(model)
    reference = _trial_logits(network, WIDTH, STRIDE)
    reasons = {"packed weights": reason, "a pruned last layer": _optimise(network, scoring_model, reference, _prune)}
    if device == "cpu":
        scoring_model.parallel = True
        reasons["attention in slices"] = _optimise(network, scoring_model, reference, _slice)
    scoring_model.dropped = {name: reason for name, reason in reasons.items() if reason}
    for name, reason in scoring_model.dropped.items():
        LOG.info("%s is scored without %s: %s", type(model).__name__, name, reason)
    return scoring_model


def with_scoring_model(network: SplitModel, scoring_model: ScoringModel | None) -> SplitModel:
    """``network`` (split and tried in fp32) with the scoring model in the original's place, if there is one."""
    if scoring_model is None:
        return network
    model: Any = scoring_model.model
    body, head = (model, None) if network.head is None else (model.base_model, model.get_output_embeddings())
    return SplitModel(model, body, head, network.reason, scoring_model.query_selection, scoring_model.parallel)


def cast_scoring_model(network: SplitModel, dtype: torch.dtype | None) -> ScoringModel | None:
    """The copy whose weights are cast once per checkpoint; None in fp32, or where processes share the model."""
    return None if dtype is None or process_group().world_size > 1 else CastScoringModel(network.model, dtype)


def pack_weights(network: SplitModel, dtype: torch.dtype | None) -> tuple[PackedScoringModel | None, str]:
    """The copy with packed weights where it passes its trial, or None and the reason; ``dtype`` is autocast's, None for fp32."""
    if not torch.backends.mkldnn.is_available():
        return None, "this torch has no oneDNN"
    size = weights_size(network.model, dtype)
    if size > MAX_PACKED_SIZE:
        return None, f"a second copy of its weights would take {size / 2**30:.1f} GiB"
    try:
        packed = PackedScoringModel(network.model, dtype or torch.float32)
        with autocast("cpu", dtype):
            reference, logits = (_trial_logits(part, TRIAL_WIDTH) for part in (network, with_scoring_model(network, packed)))
    except UNSUITED as error:
        return None, describe_error(error)
    reason = prove_equivalent(reference, logits, LOGITS_TOLERANCE if dtype is None else AUTOCAST_TOLERANCE)
    return (None, f"with packed weights its logits {reason}") if reason else (packed, "")


def _prune(scoring_model: ScoringModel) -> None:
    scoring_model.query_selection = prune(scoring_model.model, scoring_model.model.base_model)


def _slice(scoring_model: ScoringModel) -> None:
    attention = scoring_model.model.config._attn_implementation
    if attention != "sdpa":
        raise NotImplementedError(f"its attention is {attention}")
    scoring_model.model.set_attn_implementation(SLICED)


def _optimise(network: SplitModel, scoring_model: ScoringModel, reference: Tensor, change: Callable[[ScoringModel], None]) -> str:
    """Make the change if it leaves the original's logits of the trial (fp32) as they are, up to rounding; else say why not."""
    trial = ScoringModel(network.model)
    try:
        change(trial)
        reason = prove_equivalent(reference, _trial_logits(with_scoring_model(network, trial), WIDTH, STRIDE), LOGITS_TOLERANCE)
        if reason:
            return f"its logits {reason}"
        change(scoring_model)
    except UNSUITED as error:
        return describe_error(error)
    return ""


@without_gradients()
def _trial_logits(network: SplitModel, width: int, stride: int = 1) -> Tensor:
    """Logits [n, vocabulary] in fp32 of every ``stride``-th position of a trial batch, at most as wide as the model has positions."""
    ids = trial_ids(network.model, min(width, max_positions(network.model)))
    positions = torch.arange(0, ids.numel(), stride, device=ids.device)
    return network.logits(network.features(ids, positions, use_cache=False).flatten(0, 1)[positions])
