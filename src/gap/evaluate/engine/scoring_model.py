"""The twin of a model that scores in its place: weights as a product wants them, attention in slices, a pruned last layer.

Every improvement proves itself on a trial batch at start-up, in fp32 against the model as it is, or is left out with a
reason; that goes to the log and to the provenance record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from gap.evaluate.engine.cast_weights import CastScoringModel, ScoringModel, weights_size, with_scoring_model
from gap.evaluate.engine.chunked_attention import SLICE, SLICED
from gap.evaluate.engine.last_layer_pruning import prune
from gap.evaluate.engine.packed_linear import UNSUITED, packed_twin
from gap.evaluate.engine.split_model import TOLERANCE, TRIAL, SplitModel, positions
from gap.models.sharding import without_gradients
from gap.runtime.process_group import process_group

#: The trial batch: rows, their width (two slices of attention, the last one short), and every which place is looked at.
ROWS, WIDTH, EVERY = 2, SLICE + TRIAL, 3
#: Weights of fewer bytes stay in a core's cache however they lie, and every improvement costs more than it gains.
SMALLEST = 8 * 2**20
LOG = logging.getLogger(__name__)


def open_scoring_model(network: SplitModel, dtype: torch.dtype | None) -> ScoringModel | None:
    """The twin to score with; None where the model as it is does as well, or where processes share it: a twin holds whole layers.

    ``dtype`` is autocast's, None for fp32.  Weights are packed on a CPU where that proves itself, half copies elsewhere under
    autocast, the original's otherwise.
    """
    model, device = network.model, network.model.device.type
    if process_group().world_size > 1:
        return None
    size = weights_size(model, dtype)
    if size < SMALLEST:
        LOG.info("%s is scored as it is: its weights, %.1f MiB, stay in the cache", type(model).__name__, size / 2**20)
        return cast_scoring_model(network, dtype)
    packed, reason = packed_twin(network, dtype) if device == "cpu" else (None, "")
    twin: ScoringModel = packed or cast_scoring_model(network, dtype) or ScoringModel(model)
    wanted = _trial(network)
    refused = {"packed weights": reason, "a pruned last layer": _improve(network, wanted, twin, _prune)}
    if device == "cpu":
        twin.parallel = True
        refused["attention in slices"] = _improve(network, wanted, twin, _slice)
    twin.refused = {name: why for name, why in refused.items() if why}
    for name, why in twin.refused.items():
        LOG.info("%s is scored without %s: %s", type(model).__name__, name, why)
    return twin


def cast_scoring_model(network: SplitModel, dtype: torch.dtype | None) -> ScoringModel | None:
    """The twin that halves weights once per checkpoint; None in fp32, or where processes share the model."""
    return None if dtype is None or process_group().world_size > 1 else CastScoringModel(network.model, dtype)


def _prune(twin: ScoringModel) -> None:
    twin.looked = prune(twin.model, twin.model.base_model)


def _slice(twin: ScoringModel) -> None:
    before = twin.model.config._attn_implementation
    if before != "sdpa":
        raise NotImplementedError(f"its attention is {before}")
    twin.model.set_attn_implementation(SLICED)


def _improve(network: SplitModel, wanted: Tensor, twin: ScoringModel, improve: Callable[[ScoringModel], None]) -> str:
    """Improve the twin if that leaves the original's logits of the trial as they are, up to rounding in fp32; else why not."""
    trial = ScoringModel(network.model)
    try:
        improve(trial)
        gap = float((_trial(with_scoring_model(network, trial)) - wanted).abs().max() / wanted.abs().max().clamp(min=1.0))
        if not gap <= TOLERANCE:
            return f"it moves its logits by {gap:.2g} (relative)"
        improve(twin)
    except UNSUITED as error:
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return ""


@without_gradients()
def _trial(network: SplitModel) -> Tensor:
    """Logits of the places of the trial batch that are looked at."""
    model = network.model
    width = min(WIDTH, positions(model))
    ids = (torch.arange(ROWS * width, device=model.device) * 7919 % model.config.vocab_size).reshape(ROWS, width)
    rows = torch.arange(0, ids.numel(), EVERY, device=model.device)
    return network.logits(network.features(ids, rows, use_cache=False).flatten(0, 1)[rows])
