"""The training loop of a small OPT: every step depends on the seed and its number, so a killed run goes on bit for bit."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gap.core.digest import digest
from gap.core.errors import Refused
from gap.core.files import writing
from gap.models.precision import autocast
from gap.params.models import ModelJob, PretrainedHere
from gap.pretrain.schedule import batch_shape, budget_fraction, learning_rate
from gap.pretrain.token_stream import VALIDATION_TOKENS, TokenStream, sample_batch, validation_windows
from gap.runtime.processor import processor_field

#: Seconds between two saves of the state.
SAVE_EVERY = 20.0
#: Points of the loss curve.
POINTS = 10
#: Steps between two checks of the loss (each synchronises a GPU).
CHECK_EVERY = 10
#: Tokens behind one validation loss as a fraction of a budget in tokens; ten of them cost about 4 % of the training.
VALIDATION_COST = 0.012
BETAS = (0.9, 0.95)
CLIP = 1.0


def model_seed(job: ModelJob) -> int:
    """The seed of a model's first weights and of its batches."""
    return int(digest([job.seed, job.name]), 16)


@dataclass
class CurvePoint:
    """A row of pretraining.csv: tokens trained on, mean training loss since the last row, validation loss (nats per token)."""

    tokens: int
    train_loss: float
    validation_loss: float
    learning_rate: float


@dataclass
class TrainingState:
    """How far a run is; ``loss_sum`` over ``loss_steps`` is the training loss since the last point of the curve."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_steps: int = 0
    curve: list[CurvePoint] = field(default_factory=list)


class Trainer:
    """Model, optimizer, data and state of one run.

    Parameters
    ----------
    model: an OPT with fp32 weights, on the device that it is to be trained on.
    state_file: what it holds is loaded; saves go there.
    """

    def __init__(self, job: ModelJob, model: Any, streams: list[TokenStream], state_file: Path) -> None:
        assert isinstance(job.model, PretrainedHere)
        self.name, self.settings, self.seed = job.name, job.model, model_seed(job)
        self.model, self.streams, self.state_file = model.eval(), streams, state_file
        self.device: torch.device = next(model.parameters()).device
        precision = self.settings.precision
        use_bf16 = precision == "bf16" or (precision == "auto" and has_bf16(self.device))
        self.dtype = torch.bfloat16 if use_bf16 else None  # of autocast; None for fp32
        self.optimizer = self._optimizer()
        self.state, self.saved = TrainingState(), time.monotonic()
        self.pending = torch.zeros((), dtype=torch.float64, device=self.device)  # losses since the last check
        budget = self.settings.tokens
        tokens = min(VALIDATION_TOKENS, int(VALIDATION_COST * budget)) if budget else VALIDATION_TOKENS
        windows = [validation_windows(stream, self.settings.context, tokens) for stream in streams]
        self.validation = [torch.from_numpy(ids).to(self.device) for ids in windows]
        if state_file.exists():
            self._resume()

    def _optimizer(self) -> torch.optim.AdamW:
        weights = list(self.model.parameters())
        groups = [
            {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": self.settings.weight_decay},
            {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.settings.learning_rate, betas=BETAS, fused=True)

    def _resume(self) -> None:
        saved = torch.load(self.state_file, map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.state = TrainingState(**{**saved["record"], "curve": [CurvePoint(**point) for point in saved["record"]["curve"]]})

    def save(self) -> None:
        """Write the state in one step."""
        self.check_losses()
        self.saved = time.monotonic()
        with writing(self.state_file) as temporary:
            record = asdict(self.state)
            torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "record": record}, temporary)

    @property
    def budget_fraction(self) -> float:
        """Fraction of the budget that is used up."""
        return budget_fraction(self.settings, self.state.step, self.state.seconds)

    def loss(self, batch: Tensor) -> Tensor:
        """Mean NLL (nats) of ``batch`` [rows, length + 1]; every position predicts the next."""
        inputs, targets = batch[:, :-1], batch[:, 1:].flatten()
        positions = torch.arange(inputs.shape[1], device=self.device)[None]
        with autocast(self.device.type, self.dtype):
            logits = self.model(input_ids=inputs, position_ids=positions, use_cache=False).logits
        return functional.cross_entropy(logits.flatten(0, 1).float(), targets)

    def train_step(self) -> None:
        """One step; where it fills a tenth of the budget also the validation loss; a save there and now and then.

        Raises
        ------
        Refused: the loss is not finite (noticed within ``CHECK_EVERY`` steps).
        """
        started, before = time.monotonic(), self.budget_fraction
        rate = learning_rate(self.settings, budget_fraction(self.settings, self.state.step + 0.5, self.state.seconds))
        self._update(rate)
        self.state.seconds += time.monotonic() - started
        is_point = int(min(self.budget_fraction, 1.0) * POINTS + 1e-9) > int(before * POINTS + 1e-9)
        if is_point:
            self._add_point(rate)
        if is_point or time.monotonic() - self.saved >= SAVE_EVERY:
            self.save()

    def _update(self, rate: float) -> None:
        rows, length = batch_shape(self.settings, self.state.step)
        batch = torch.from_numpy(sample_batch(self.streams, self.seed, self.state.step, (rows, length))).to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.pending += loss.detach()  # fp32 losses add up exactly in fp64, so checking more or less often changes no bit
        self.state.step += 1
        self.state.loss_steps += 1
        self.state.tokens += rows * length
        if self.state.step % CHECK_EVERY == 0:
            self.check_losses()

    def check_losses(self) -> None:
        """Fetch the losses since the last check.

        Raises
        ------
        Refused: one of them is not finite.
        """
        self.state.loss_sum += float(self.pending)
        self.pending.zero_()
        if not math.isfinite(self.state.loss_sum):
            cure = f"Lower models.{self.name}.learning_rate or raise its warmup, or train it in fp32."
            raise Refused(f"pretraining {self.name}, step {self.state.step}", "a loss that is not finite", "a finite loss", cure)

    def _add_point(self, rate: float) -> None:
        started = time.monotonic()
        self.check_losses()
        self.state.curve.append(CurvePoint(self.state.tokens, self.state.loss_sum / self.state.loss_steps, self.validate(), rate))
        self.state.loss_sum, self.state.loss_steps = 0.0, 0
        self.state.seconds += time.monotonic() - started

    @torch.no_grad()
    def validate(self) -> float:
        """Mean NLL (nats per token) of each source's validation windows, weighted by the mixture; context-long windows."""
        total = 0.0
        rows = max(1, self.settings.batch * self.settings.sequence // self.settings.context)
        for stream, windows in zip(self.streams, self.validation, strict=True):
            total += stream.share * sum(float(self.loss(batch)) * len(batch) for batch in windows.split(rows)) / len(windows)
        return total


def has_bf16(device: torch.device) -> bool:
    """Whether the machine multiplies bf16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint((processor_field("flags") or "").split())
