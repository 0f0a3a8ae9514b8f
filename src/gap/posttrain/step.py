"""One update of Gradient Ascent Post-training (GAP), from top to bottom: forward, loss, sign, backward, optimizer step, measure.

GAP trains a causal language model on one text with the sign turned round: the optimizer minimises minus the loss, so the loss
climbs.  The settings of a study are ``gap`` in params.yaml; the sign comes from ``gap.methods.directions``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from gap.methods import OBJECTIVES
from gap.methods.training import StepResult
from gap.models.precision import DTYPES, autocast, without_denormals
from gap.models.weights import WeightHasher

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from gap.params.methods import Gap
    from gap.posttrain.optimizer import BucketedOptimizer
    from gap.posttrain.parameter_buckets import ParameterBuckets
    from gap.posttrain.scaler import LossScaler


@dataclass(frozen=True)
class TrainingState:
    """What an update works on; ``texts`` are the token ids of one update's texts (one text in the paper), int64 [n] each."""

    model: PreTrainedModel
    texts: list[Tensor]
    gap: Gap
    parameters: ParameterBuckets  # the weights and their gradients
    optimizer: BucketedOptimizer  # Adam in the paper
    scaler: LossScaler  # of fp16; its scale is 1 in fp32 and bf16
    retained: Sequence[Tensor] = ()  # token ids of texts whose objective is kept low meanwhile, as of ``texts``


def text_losses(model: PreTrainedModel, ids: Tensor, gap: Gap, update: int) -> tuple[Tensor, Tensor]:
    """Mean NLL (nats) of tokens 1 to n - 1 of ``ids`` [n], each given those before it, and the objective; fp32 scalars."""
    positions = torch.arange(len(ids), device=ids.device)[None]  # given, they spare a sum that has no deterministic CUDA kernel
    with autocast(ids.device.type, DTYPES[gap.precision]):
        logits = model(input_ids=ids[None], position_ids=positions, use_cache=False).logits
    logits, targets = logits[0, :-1].float(), ids[1:]
    nll = functional.cross_entropy(logits, targets)
    return nll, OBJECTIVES.of(gap.objective).function(gap.objective, nll, logits, targets, update)


@torch.no_grad()
@without_denormals()
def take_step(state: TrainingState, sign: float, update: int, retain: float = 0.0) -> StepResult:
    """Update number ``update`` (from 1) of all weights; ``sign`` is -1 for ascent, GAP itself, and 1 for descent.

    ``retain`` is the weight of the retained texts' objective, which goes down whatever the sign; loss is that of the texts alone.
    In fp16 an update whose gradient overflows is skipped and the scale halved.
    """
    losses = []
    scale = state.scaler.scale
    with torch.enable_grad():
        for ids in state.texts:
            # forward, loss: the text's mean token NLL, and the objective, which in GAP is the same
            nll, objective = text_losses(state.model, ids, state.gap, update)
            losses.append(nll.detach().double())
            # sign, backward: the optimizer minimises, so minus the objective makes the loss climb
            (objective * (sign * scale / len(state.texts))).backward()
        for ids in state.retained:
            _, objective = text_losses(state.model, ids, state.gap, update)
            (objective * (retain * scale / len(state.retained))).backward()

    grad_norm = state.parameters.grad_norm() / scale
    loss, grad_norm = torch.stack([torch.stack(losses).mean(), grad_norm]).tolist()
    overflow = not math.isfinite(grad_norm)
    diverged = not math.isfinite(loss) or (overflow and not state.scaler.enabled)

    change = None
    if not overflow and not diverged:
        # optimizer step, measure: digest of the weights, norm of the update, fraction of weights whose bits changed
        hasher = WeightHasher(state.model)
        for after, before in state.optimizer.step(unscale=1.0 / scale):
            hasher.add(after, before)
        change = hasher.change()
    if not diverged:
        state.scaler.update(overflowed=overflow)
    state.parameters.zero_grad()
    return StepResult(loss, grad_norm, scale, change, diverged)
