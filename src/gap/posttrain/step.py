"""One run on its way from the base weights: gradients, optimizer, loss scaler, and the measure of every change.

Works bucket by bucket (``gap.posttrain.gradients``).  Resident at most, with ``jobs.memory: device``: weights, base snapshot,
gradients, optimizer's state, and of one bucket a copy and what the optimizer computes on the way; during the backward pass
the activations of one text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gap.core.digest import digest as json_digest
from gap.methods import OPTIMIZERS, RATES
from gap.methods.layers import depths
from gap.methods.training import Part, StepResult
from gap.models.weights import Change, Snapshot, WeightHasher
from gap.params.methods import Gap
from gap.posttrain.gradients import Gradients, buckets, move_state
from gap.posttrain.loss import text_losses
from gap.posttrain.scaler import LossScaler
from gap.runtime.process_group import all_reduce_norm

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from transformers import PreTrainedModel


class RunTraining:
    """``gap.methods.training.Training`` on a model.

    Parameters
    ----------
    base: snapshot of the base weights, which are in ``model`` now.
    texts: token ids of each text of an update, int64 [n].
    digest: of the base weights.
    host: whether gradients and optimizer's state wait in the host's memory.
    """

    def __init__(
        self, model: PreTrainedModel, base: Snapshot, digest: str, texts: Sequence[Tensor], gap: Gap, updates: int, host: bool
    ) -> None:
        self.model, self.base, self.gap, self.updates, self.host = model, base, gap, updates, host
        self.digest = digest
        device = next(model.parameters()).device
        self.texts = [ids.to(device) for ids in texts]
        self.seed = int(json_digest([ids.tolist() for ids in texts], 15), 16)
        self.weights = list(model.parameters())
        self.sizes = [weight.numel() for weight in self.weights]
        self.buckets = buckets(self.weights)
        self.gradients = Gradients(self.weights, host)
        self._begin()

    def _begin(self) -> None:
        """A fresh optimizer (one per bucket: its steps are elementwise) and loss scaler."""
        rates = self._rates()
        make = OPTIMIZERS.of(self.gap.optimizer).function
        self.optimizers: list[Optimizer] = []
        for bucket in self.buckets:
            shares = dict.fromkeys(rates[piece.number] for piece in bucket)
            groups: list[dict[str, Any]] = [
                {"params": [piece.weights for piece in bucket if rates[piece.number] == share], "lr": self.gap.learning_rate * share}
                for share in shares
            ]
            self.optimizers.append(make(self.gap.optimizer, groups))
        self.scaler = LossScaler(self.gap.loss_scale, self.gap.precision == "fp16")

    def _rates(self) -> list[float]:
        entry = RATES.of(self.gap.rates)
        if entry.name == "uniform":  # asks nothing of the names
            return [1.0] * len(self.weights)
        names = [name for name, _ in self.model.named_parameters()]
        return [entry.function(self.gap.rates, depth) for depth in depths(names, f"gap.rates {entry.name}")]

    def restore(self) -> None:
        """The base weights and a fresh optimizer.

        Raises
        ------
        Refused: the weights are not the base's bits.
        """
        self.base.restore(self.digest)
        self._begin()

    def loss(self) -> float:
        """Mean token NLL (nats) of the texts at the present weights, averaged over the texts."""
        with torch.no_grad():
            return float(torch.stack([text_losses(self.model, ids, self.gap, 1)[0].double() for ids in self.texts]).mean())

    def gradient_steps(self, sign: float) -> Iterator[StepResult]:
        """Updates on ``sign`` times the objective; in fp16 one whose gradient overflows is skipped and the scale halved."""
        for update in range(1, self.updates + 1):
            scale = self.scaler.scale
            loss, norm = self._backward(sign, update)
            finite = math.isfinite(norm)
            if not math.isfinite(loss) or not (finite or self.scaler.enabled):
                self.gradients.clear()
                yield StepResult(loss, norm, scale, None, True)
                return
            change = self._step() if finite else None
            self.scaler.update(not finite)
            self.gradients.clear()
            yield StepResult(loss, norm, scale, change, False)

    @torch.enable_grad()
    def _backward(self, sign: float, update: int) -> tuple[float, float]:
        """Loss before this update and L2 norm of the unscaled gradient; the gradients stay scaled."""
        losses = []
        for ids in self.texts:
            loss, objective = text_losses(self.model, ids, self.gap, update)
            losses.append(loss.detach().double())
            (objective * (sign * self.scaler.scale / len(self.texts))).backward()
        norms: list[Tensor] = []
        for bucket in self.buckets:
            found = self.gradients.fetch(bucket)
            norms += torch._foreach_norm(found) if found else []
            self.gradients.leave(bucket)
        norm = all_reduce_norm(torch.linalg.vector_norm(torch.stack(norms), dtype=torch.float64)) / self.scaler.scale
        both = torch.stack([torch.stack(losses).mean(), norm]).tolist()
        return both[0], both[1]

    def _step(self) -> Change:
        def act(place: int) -> None:
            found = self.gradients.fetch(self.buckets[place])
            if self.scaler.enabled and found:
                torch._foreach_mul_(found, 1.0 / self.scaler.scale)
            optimizer = self.optimizers[place]
            if self.host:
                move_state(optimizer, host=False)
            optimizer.step()
            if self.host:
                move_state(optimizer, host=True)
            self.gradients.leave(self.buckets[place])

        return self._measured(act)

    def change(self, act: Callable[[Part], None]) -> Change:
        """Let ``act`` change each part of the weights in place, and measure what it did."""

        def each(place: int) -> None:
            for piece in self.buckets[place]:
                act(Part(piece.number, piece.start, piece.weights.detach()))

        return self._measured(each)

    @torch.no_grad()
    def _measured(self, act: Callable[[int], None]) -> Change:
        """Change the weights bucket by bucket (``act`` gets the bucket's place), keeping a copy of one bucket at a time."""
        sums = WeightHasher(self.weights)
        for place, bucket in enumerate(self.buckets):
            live = [piece.weights.detach() for piece in bucket]
            before = [tensor.clone() for tensor in live]
            act(place)
            sums.add(live, before)
        return sums.change(self.model)

    def close(self) -> None:
        """Free gradients and optimizer."""
        self.gradients.close()
        self.optimizers.clear()
