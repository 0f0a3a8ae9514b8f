"""What a model predicts for each token of a text, given those before it: the features that one forward pass holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gap.models.sharding import without_gradients


@dataclass(frozen=True)
class Reading:
    """One pass over a text of n tokens.

    For tokens 1 to n - 1: ``nll`` fp32 [n - 1] (nats); ``entropy`` fp32 [n - 1] (nats) of the predictive distribution;
    ``rank`` int64 [n - 1] of the true token, 1 for none above it; ``greedy`` int64 [n - 1], the likeliest token.
    ``ids`` int64 [n]; ``cache`` holds keys and values of tokens 0 to n - 2, None where the model gives none.
    """

    ids: Tensor
    nll: Tensor
    entropy: Tensor
    rank: Tensor
    greedy: Tensor
    cache: Any


@without_gradients()
def read(model: Any, ids: Tensor) -> Reading:
    """Read ``ids`` (int64 [n], on the model's device, the opening token first); logits are taken in fp32."""
    fed = ids[None, :-1]
    positions = torch.arange(fed.shape[1], device=ids.device)[None]  # given, they spare a sum that has no deterministic CUDA kernel
    output = model(input_ids=fed, position_ids=positions, use_cache=True)
    logits = output.logits[0].float()
    true_logits = logits.gather(1, ids[1:, None])
    return Reading(
        ids=ids,
        nll=(torch.logsumexp(logits, dim=1) - true_logits[:, 0]),
        entropy=torch.special.entr(torch.softmax(logits, dim=1)).sum(dim=1),
        rank=(logits > true_logits).sum(dim=1) + 1,
        greedy=logits.argmax(dim=1),
        cache=getattr(output, "past_key_values", None),
    )


def familiarity(reading: Reading) -> dict[str, float]:
    """Means over the n - 1 predicted tokens, taken in fp64.

    ``nll``: token NLL in nats, the loss that post-training climbs.  ``memorisation``: share of tokens that are the
    likeliest one given all before them (memorisation of Tirumala et al. 2022, *Memorization Without Overfitting*,
    taken over one text as the memorisation accuracy of Jang et al. 2022, *Knowledge Unlearning*).  ``entropy``: of the predictive
    distribution, in nats.  ``log_rank``: natural logarithm of the true token's rank (the rank is GLTR's, Gehrmann et al.
    2019; its logarithm, which a few rare tokens do not rule, is that of Mitchell et al. 2023, *DetectGPT*).
    """
    return {
        "nll": _mean(reading.nll),
        "memorisation": _mean(reading.greedy == reading.ids[1:]),
        "entropy": _mean(reading.entropy),
        "log_rank": _mean(reading.rank.double().log()),
    }


def _mean(values: Tensor) -> float:
    return float(values.double().mean())
