"""The update of GAP: Adam on minus the language-modelling loss of one text (paper, section 2; authors' training loop)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from gap.models.weights import Snapshot, change, weights_digest
from gap.params.methods import Gap

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Update:
    """One row of table ``trajectories``; its columns are explained there (``gap.core.tables``)."""

    step: int
    epoch: int
    real: bool
    loss: float
    grad_norm: float
    update_norm: float
    moved: float
    loss_scale: float
    diverged: bool
    digest: str
    seconds: float


def token_nll(model: PreTrainedModel, ids: Tensor, precision: str) -> Tensor:
    """Mean NLL (nats) of tokens 1 to n - 1 of ``ids`` [n], each given those before it; fp32 behind the logits."""
    batch = ids[None]
    places = torch.arange(len(ids), device=ids.device)[None]  # given, they spare a sum that has no deterministic CUDA kernel
    with torch.autocast(ids.device.type, dtype=HALF.get(precision, torch.bfloat16), enabled=precision in HALF):
        logits = model(input_ids=batch, position_ids=places, use_cache=False).logits
    return functional.cross_entropy(logits[0, :-1].float(), ids[1:])


class _Ascent:
    """A model, its optimizer and the fp16 loss scaler during one run."""

    def __init__(self, model: PreTrainedModel, ids: Tensor, gap: Gap) -> None:
        device = next(model.parameters()).device
        self.model, self.gap, self.ids = model, gap, ids.to(device)
        self.weights = list(model.parameters())
        self.before = Snapshot(model)
        self.optimizer = torch.optim.Adam(
            self.weights, lr=gap.learning_rate, betas=gap.betas, eps=gap.eps, weight_decay=gap.weight_decay, foreach=True
        )
        self.scaler = torch.amp.GradScaler(device.type, init_scale=gap.loss_scale, enabled=gap.precision == "fp16")
        self.stepped = False
        self.optimizer.register_step_post_hook(self._note_step)

    def _note_step(self, *_: object) -> None:
        self.stepped = True

    @torch.enable_grad()
    def backward(self) -> tuple[float, float]:
        """Loss before this update (mean token NLL) and L2 norm of its gradient; the gradients are left unscaled."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = token_nll(self.model, self.ids, self.gap.precision)
        self.scaler.scale(-loss).backward()
        self.scaler.unscale_(self.optimizer)
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        norms = torch.stack(torch._foreach_norm(gradients))
        both = torch.stack([loss.detach().double(), torch.linalg.vector_norm(norms, dtype=torch.float64)]).tolist()
        return both[0], both[1]

    def step(self) -> bool:
        """Adam's step; False where the loss scaler skipped it because a gradient overflowed fp16."""
        self.stepped = False
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return self.stepped


def run_updates(model: PreTrainedModel, ids: Tensor, gap: Gap, updates: int) -> Iterator[Update]:
    """Try ``updates`` updates on ``ids`` (int64 [n]), in place on ``model``; yields row 0, then a row behind each.

    A fresh optimizer without schedule; the whole gradient, of all weights; eval mode, so that nothing is random.  In
    fp16 a step whose gradient overflows is skipped and the scale halved, as in the authors' setting.  The run ends with
    a row ``diverged`` when the loss, without a scaler the gradient, or the updated weights are not finite; the
    weights are then those of the last real update.
    """
    digest = weights_digest(model)
    scale = gap.loss_scale if gap.precision == "fp16" else 1.0
    yield Update(0, 0, False, math.nan, math.nan, 0.0, 0.0, scale, False, digest, 0.0)
    ascent, step = _Ascent(model, ids, gap), 0
    for epoch in range(1, updates + 1):
        started = time.perf_counter()
        scale = float(ascent.scaler.get_scale())
        loss, grad_norm = ascent.backward()
        diverged = not math.isfinite(loss) or (gap.precision != "fp16" and not math.isfinite(grad_norm))
        real, norm, moved = False, 0.0, 0.0
        if not diverged and ascent.step():
            done = change(model, ascent.before)
            diverged = not math.isfinite(done.norm)
            if diverged:
                ascent.before.restore()
            else:
                ascent.before.renew()
                real, step, digest, norm, moved = True, step + 1, done.digest, done.norm, done.moved
        yield Update(step, epoch, real, loss, grad_norm, norm, moved, scale, diverged, digest, time.perf_counter() - started)
        if diverged:
            return
