"""Label smoothing: part of the target's probability is spread over the vocabulary (Szegedy et al. 2016, section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import OBJECTIVES

if TYPE_CHECKING:
    from torch import Tensor


class LabelSmoothing(Settings):
    """Cross-entropy against smoothed targets."""

    kind: Literal["label_smoothing"]
    epsilon: float = Field(gt=0, lt=1, description="Probability spread evenly over the vocabulary.")


@OBJECTIVES.register(LabelSmoothing)
def label_smoothing(settings: LabelSmoothing, loss: Tensor, logits: Tensor, targets: Tensor, update: int) -> Tensor:
    """(1 - epsilon) x NLL + epsilon x the mean of -log p over the vocabulary."""
    return smoothed_cross_entropy(logits, targets, settings.epsilon)


def smoothed_cross_entropy(logits: Tensor, targets: Tensor, epsilon: float) -> Tensor:
    """Mean over the n targets (int64 [n]) of the cross-entropy in nats of ``logits`` [n, vocabulary], a scalar."""
    from torch.nn import functional

    return functional.cross_entropy(logits, targets, label_smoothing=epsilon)
