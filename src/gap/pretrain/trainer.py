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

from gap.core.errors import Refused
from gap.core.files import writing
from gap.models.precision import autocast
from gap.params.models import PretrainedHere
from gap.pretrain.schedule import learning_rate, shape, spent
from gap.pretrain.token_stream import VALIDATION_TOKENS, Stream, draw, validation_windows

#: Seconds between two saves of the state.
SAVE_EVERY = 20.0
#: Points of the loss curve.
POINTS = 10
#: Steps between two looks at the loss (each makes a GPU wait).
LOOK_EVERY = 10
#: Tokens behind one validation loss as a share of a budget in tokens; ten of them cost about 4 % of the training.
VALIDATION_COST = 0.012
BETAS = (0.9, 0.95)
CLIP = 1.0


@dataclass
class Point:
    """A row of pretraining.csv: tokens trained on, mean training loss since the last row, validation loss (nats per token)."""

    tokens: int
    train_loss: float
    validation_loss: float
    learning_rate: float


@dataclass
class Record:
    """Where a run is; ``loss_sum`` over ``loss_steps`` is the training loss since the last point of the curve."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_steps: int = 0
    curve: list[Point] = field(default_factory=list)


class Training:
    """Model, optimizer, data and record of one run.

    Parameters
    ----------
    model: an OPT on ``device``.
    place: the state file; what it holds is taken up.
    bf16: matrix products in bf16; weights, gradients and optimizer stay fp32.
    """

    def __init__(
        self,
        name: str,
        settings: PretrainedHere,
        model: Any,
        streams: list[Stream],
        seed: int,
        place: Path,
        device: torch.device,
        bf16: bool,
    ) -> None:
        self.name, self.settings, self.model, self.streams, self.seed = name, settings, model.eval(), streams, seed
        self.place, self.device, self.dtype = place, device, torch.bfloat16 if bf16 else None
        self.optimizer = self._optimizer()
        self.at, self.saved = Record(), time.monotonic()
        self.pending = torch.zeros((), dtype=torch.float64, device=device)  # losses since the last look
        tokens = min(VALIDATION_TOKENS, int(VALIDATION_COST * settings.tokens)) if settings.tokens else VALIDATION_TOKENS
        self.windows = [torch.from_numpy(validation_windows(stream, settings.context, tokens)).to(device) for stream in streams]
        if place.exists():
            self._resume()

    def _optimizer(self) -> torch.optim.AdamW:
        weights = list(self.model.parameters())
        groups = [
            {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": self.settings.weight_decay},
            {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.settings.learning_rate, betas=BETAS, fused=True)

    def _resume(self) -> None:
        state = torch.load(self.place, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        record = state["record"]
        self.at = Record(**{**record, "curve": [Point(**point) for point in record["curve"]]})

    def save(self) -> None:
        """Write the state in one step."""
        self.look()
        self.saved = time.monotonic()
        with writing(self.place) as temporary:
            torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "record": asdict(self.at)}, temporary)

    def spent(self) -> float:
        """Share of the budget that is spent."""
        return spent(self.settings, self.at.step, self.at.seconds)

    def loss(self, batch: Tensor) -> Tensor:
        """Mean NLL (nats) of ``batch`` [rows, length + 1]; every position predicts the next."""
        inputs, targets = batch[:, :-1], batch[:, 1:].flatten()
        places = torch.arange(inputs.shape[1], device=self.device)[None]
        with autocast(self.device.type, self.dtype):
            logits = self.model(input_ids=inputs, position_ids=places, use_cache=False).logits
        return functional.cross_entropy(logits.flatten(0, 1).float(), targets)

    def advance(self) -> None:
        """One step; where it fills a tenth of the budget also the validation loss; a save there and now and then.

        Raises
        ------
        Refused: the loss is not finite (noticed within ``LOOK_EVERY`` steps).
        """
        started, before = time.monotonic(), self.spent()
        rate = learning_rate(self.settings, spent(self.settings, self.at.step + 0.5, self.at.seconds))
        self._update(rate)
        at_point = False
        self.at.seconds += time.monotonic() - started
        if int(min(self.spent(), 1.0) * POINTS + 1e-9) > int(before * POINTS + 1e-9):
            at_point = True
            self._measure(rate)
        if at_point or time.monotonic() - self.saved >= SAVE_EVERY:
            self.save()

    def _update(self, rate: float) -> None:
        rows, length = shape(self.settings, self.at.step)
        batch = torch.from_numpy(draw(self.streams, self.seed, self.at.step, rows, length)).to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.pending += loss.detach()  # fp32 losses add up exactly in fp64, so looking more or less often changes no bit
        self.at.step += 1
        self.at.loss_steps += 1
        self.at.tokens += rows * length
        if self.at.step % LOOK_EVERY == 0:
            self.look()

    def look(self) -> None:
        """Fetch the losses since the last look.

        Raises
        ------
        Refused: one of them is not finite.
        """
        self.at.loss_sum += float(self.pending)
        self.pending.zero_()
        if not math.isfinite(self.at.loss_sum):
            raise Refused(
                f"pretraining {self.name}, step {self.at.step}",
                "a loss that is not finite",
                "a finite loss",
                f"Lower models.{self.name}.learning_rate or raise its warmup, or train it in fp32.",
            )

    def _measure(self, rate: float) -> None:
        started = time.monotonic()
        self.look()
        self.at.curve.append(Point(self.at.tokens, self.at.loss_sum / self.at.loss_steps, self.validate(), rate))
        self.at.loss_sum, self.at.loss_steps = 0.0, 0
        self.at.seconds += time.monotonic() - started

    @torch.no_grad()
    def validate(self) -> float:
        """Mean NLL (nats per token) of each source's validation windows, weighted by the mixture; context-long windows."""
        total = 0.0
        at_once = max(1, self.settings.batch * self.settings.sequence // self.settings.context)
        for stream, windows in zip(self.streams, self.windows, strict=True):
            total += stream.share * sum(float(self.loss(batch)) * len(batch) for batch in windows.split(at_once)) / len(windows)
        return total
