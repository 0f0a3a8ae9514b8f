"""A causal language model in two parts: the body that computes hidden states, and the head that turns some into logits.

Most positions of a sequence need no logits, and the head is the widest layer of a small model: only the positions that
predict something go through it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from gap.evaluate.engine.parallel_passes import parallel_map
from gap.evaluate.engine.pass_cache import PASS_CACHE
from gap.models.causality import trial_ids
from gap.models.equivalence import LOGITS_TOLERANCE, prove_equivalent
from gap.models.sharding import body_and_head, without_gradients

if TYPE_CHECKING:
    from gap.evaluate.engine.last_layer_pruning import QuerySelection

T = TypeVar("T")
R = TypeVar("R")
#: Width of the two rows that body and head are tried on.
TRIAL_WIDTH = 7
#: Why no fast path is taken where the job says so.
ASKED_FOR = "asked for by the scorer plain"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitModel:
    """The model to score with, or a copy of it that computes in another way (``gap.evaluate.engine.scoring_model``).

    ``body`` maps token ids to features; ``head`` features to logits, or is None where the model's own logits serve as
    features because the two do not reproduce them (``reason`` says why).  ``query_selection`` tells the model's last layer which
    positions are read (``gap.evaluate.engine.last_layer_pruning``), None where it computes every position.  ``parallel``: passes
    may run in parallel.  ``refresh_weights``: takes over the present weights of the original, where they are not shared.
    ``dropped``: optimisation that it does without -> reason.
    """

    model: Any
    body: Callable[..., Any]
    head: Callable[[Tensor], Tensor] | None
    reason: str = ""
    query_selection: QuerySelection | None = None
    parallel: bool = False
    refresh_weights: Callable[[], None] = lambda: None
    dropped: dict[str, str] = field(default_factory=dict)

    def features(self, ids: Tensor, query_positions: Tensor | None = None, **inputs: Any) -> Tensor:
        """Hidden states (or logits) of every position, [rows, width, size], of ids [rows, width]; ``inputs`` go to the model.

        Where flat indices ``query_positions`` [n], ascending, are given, other positions may hold meaningless numbers; keys and
        values in a cache are those of every position.
        """
        # spelled out: OPT would count positions with a sum that has no deterministic form on a GPU
        inputs.setdefault("position_ids", torch.arange(ids.shape[1], device=ids.device)[None])
        if self.query_selection is not None:
            self.query_selection.select(query_positions, ids)
        try:
            if self.head is None:
                return self.model(input_ids=ids, **inputs).logits
            return self.body(input_ids=ids, **inputs).last_hidden_state
        finally:
            PASS_CACHE.clear()
            if self.query_selection is not None:
                self.query_selection.select(None, ids)

    def map(self, run: Callable[[T], R], groups: Sequence[Sequence[T]], size: Callable[[T], float]) -> list[R]:
        """``run``, which makes a pass, of each item of the groups in their order, without gradients; in parallel where passes may be."""

        def run_without_gradients(item: T) -> R:
            with without_gradients():  # each thread has its own mode
                return run(item)

        if self.parallel:
            return parallel_map(run_without_gradients, groups, size)
        return [run_without_gradients(item) for group in groups for item in group]

    def logits(self, features: Tensor) -> Tensor:
        """Logits in fp32, [..., vocabulary], of features [..., size]."""
        return self.raw_logits(features).float()

    def raw_logits(self, features: Tensor) -> Tensor:
        """The same in the head's own dtype."""
        return features if self.head is None else self.head(features)


def split_model(model: Any) -> SplitModel:
    """Split ``model`` (in eval mode) into body and head, or fall back to its own logits with a logged reason.

    The two are tried once against the full logits: a model may scale or cap its logits behind the head, which no
    attribute tells.
    """
    body, head = body_and_head(model)
    network = SplitModel(model, body, head)
    reason = "it has no output embedding" if head is None else _prove_split(network)
    if not reason:
        return network
    LOG.warning("%s is scored through its full logits: %s", type(model).__name__, reason)
    return whole_model(model, reason)


def whole_model(model: Any, reason: str) -> SplitModel:
    """``model`` with its own logits at every position; ``reason`` says why."""
    return SplitModel(model, model, None, reason)


@without_gradients()
def _prove_split(network: SplitModel) -> str:
    """Why body and head do not give the model's logits on a small batch; empty where they do."""
    ids = trial_ids(network.model, TRIAL_WIDTH)
    position_ids = torch.arange(TRIAL_WIDTH, device=ids.device)[None]
    full = network.model(input_ids=ids, position_ids=position_ids, use_cache=False).logits.float()
    reason = prove_equivalent(full, network.logits(network.features(ids, use_cache=False)), LOGITS_TOLERANCE)
    return f"the logits of its head {reason}" if reason else ""
