"""A copy of a model that scores in its place: packed or cast weights, attention in slices, a pruned last layer.

Every optimisation must give the logits of the model as it is on a trial batch at start-up, or it is left out with a reason;
that goes to the log and to the provenance record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

from gap.evaluate.engine.cast_weights import cast_linear_layers
from gap.evaluate.engine.chunked_attention import SLICE, SLICED
from gap.evaluate.engine.last_layer_pruning import prune
from gap.evaluate.engine.packed_linear import pack_linear_layers
from gap.evaluate.engine.split_model import TRIAL_WIDTH, SplitModel
from gap.models.causality import trial_ids
from gap.models.equivalence import LOGITS_TOLERANCE, UNSUITED, Tolerance, describe_error, prove_equivalent
from gap.models.precision import autocast
from gap.models.sharding import without_gradients
from gap.models.text import max_positions
from gap.runtime.process_group import process_group

#: The trial batch of pruning and slices: its width (two slices of attention, the last one short), and which positions are read.
WIDTH, STRIDE = SLICE + TRIAL_WIDTH, 3
#: Allowed difference of logits between packed weights and plain ones under the same autocast.
AUTOCAST_TOLERANCE = Tolerance(of_largest=2e-2)
#: Bytes of weights: fewer stay in a core's cache however they lie, and every optimisation costs more than it gains; more are not
#: copied in another layout, because a CPU that scores so large a model needs its memory for other things.
MIN_SIZE, MAX_PACKED_SIZE = 8 * 2**20, 4 * 2**30
LOG = logging.getLogger(__name__)


def open_scoring_model(network: SplitModel, dtype: torch.dtype | None) -> SplitModel:
    """The copy to score with; ``network`` itself where that does as well, or where processes share it: a copy holds whole layers.

    ``dtype`` is autocast's, None for fp32.  Weights are packed on a CPU where that passes its trial, cast once per checkpoint
    elsewhere under autocast, and the original's otherwise.
    """
    device, kind = network.model.device.type, type(network.model).__name__
    if process_group().world_size > 1:
        return network
    size = weights_size(network.model, dtype)
    if size < MIN_SIZE:
        LOG.info("%s is scored as it is: its weights, %.1f MiB, stay in the cache", kind, size / 2**20)
        return cast_weights(network, dtype)
    packed, reason = pack_weights(network, dtype) if device == "cpu" else (None, "")
    scoring_model = packed or (shared_copy(network) if dtype is None else cast_weights(network, dtype))
    reasons = {"packed weights": reason}
    reference = _trial_logits(network, WIDTH, STRIDE)
    changes = {"a pruned last layer": _prune, "attention in slices": _slice} if device == "cpu" else {"a pruned last layer": _prune}
    for name, change in changes.items():
        scoring_model, reasons[name] = _optimise(network, scoring_model, reference, change)
    dropped = {name: reason for name, reason in reasons.items() if reason}
    for name, reason in dropped.items():
        LOG.info("%s is scored without %s: %s", kind, name, reason)
    return replace(scoring_model, parallel=device == "cpu", dropped=dropped)


def weights_size(model: nn.Module, dtype: torch.dtype | None) -> int:
    """Bytes of its weights in ``dtype``, None for fp32."""
    return sum(weight.numel() for weight in model.parameters()) * (dtype or torch.float32).itemsize


def shared_copy(network: SplitModel) -> SplitModel:
    """The network with a copy of its modules that shares all tensors with them."""
    tensors = (*network.model.parameters(), *network.model.buffers())
    model = deepcopy(network.model, {id(tensor): tensor for tensor in tensors})
    body, head = (model, None) if network.head is None else (model.base_model, model.get_output_embeddings())
    return replace(network, model=model, body=body, head=head)


def cast_weights(network: SplitModel, dtype: torch.dtype | None) -> SplitModel:
    """The copy whose weights are cast once per checkpoint; ``network`` itself in fp32, or where processes share the model."""
    if dtype is None or process_group().world_size > 1:
        return network
    cast = shared_copy(network)
    return replace(cast, refresh_weights=cast_linear_layers(cast.model, dtype))


def pack_weights(network: SplitModel, dtype: torch.dtype | None) -> tuple[SplitModel | None, str]:
    """The copy with packed weights where it passes its trial, or None and the reason; ``dtype`` is autocast's, None for fp32."""
    if not torch.backends.mkldnn.is_available():
        return None, "this torch has no oneDNN"
    size = weights_size(network.model, dtype)
    if size > MAX_PACKED_SIZE:
        return None, f"a second copy of its weights would take {size / 2**30:.1f} GiB"
    try:
        packed = shared_copy(network)
        refresh = pack_linear_layers(packed.model, dtype or torch.float32)
        head = None if packed.head is None else packed.model.get_output_embeddings()
        packed = replace(packed, head=head, refresh_weights=refresh)
        with autocast("cpu", dtype):
            reference, logits = (_trial_logits(part, TRIAL_WIDTH) for part in (network, packed))
    except UNSUITED as error:
        return None, describe_error(error)
    reason = prove_equivalent(reference, logits, LOGITS_TOLERANCE if dtype is None else AUTOCAST_TOLERANCE)
    return (None, f"with packed weights its logits {reason}") if reason else (packed, "")


def _prune(network: SplitModel) -> SplitModel:
    return replace(network, query_selection=prune(network.model, network.model.base_model))


def _slice(network: SplitModel) -> SplitModel:
    attention = network.model.config._attn_implementation
    if attention != "sdpa":
        raise NotImplementedError(f"its attention is {attention}")
    network.model.set_attn_implementation(SLICED)
    return network


def _optimise(
    network: SplitModel, scoring_model: SplitModel, reference: Tensor, change: Callable[[SplitModel], SplitModel]
) -> tuple[SplitModel, str]:
    """Make the change if it leaves the logits of ``network`` in the trial (fp32) as they are, up to rounding; else say why not."""
    try:
        trial = change(shared_copy(network))
        reason = prove_equivalent(reference, _trial_logits(trial, WIDTH, STRIDE), LOGITS_TOLERANCE)
        return (scoring_model, f"its logits {reason}") if reason else (change(scoring_model), "")
    except UNSUITED as error:
        return scoring_model, describe_error(error)


@without_gradients()
def _trial_logits(network: SplitModel, width: int, stride: int = 1) -> Tensor:
    """Logits [n, vocabulary] in fp32 of every ``stride``-th position of a trial batch, at most as wide as the model has positions."""
    ids = trial_ids(network.model, min(width, max_positions(network.model)))
    positions = torch.arange(0, ids.numel(), stride, device=ids.device)
    return network.logits(network.features(ids, positions, use_cache=False).flatten(0, 1)[positions])
