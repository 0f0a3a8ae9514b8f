"""A causal language model in two halves: the body that makes hidden states, and the head that turns some into logits.

Most positions of a sequence need no logits, and the head is the widest layer of a small model: only the rows that
predict something go through it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from gap.evaluate.engine.parallel_passes import parallel_map
from gap.evaluate.engine.pass_cache import PASS_CACHE
from gap.models.sharding import body_and_head, without_gradients

T = TypeVar("T")
R = TypeVar("R")
#: Largest difference between the two halves and the whole model's logits, relative to the largest logit.
TOLERANCE = 1e-4
#: Length of the sequences that the halves are tried on.
TRIAL = 7
LOG = logging.getLogger(__name__)


@dataclass
class QueryPositions(threading.local):
    """The places that are looked at, while a pass runs that is told of them: each thread runs its own.

    rows: their flat indices (row * width + place) in ascending order, [n]; nearest: for every place, the index in ``rows`` of
    one that is looked at, its own where it is, [rows * width]; shape: that of the places.
    """

    rows: Tensor | None = None
    nearest: Tensor | None = None
    shape: tuple[int, ...] = ()

    def at(self, rows: Tensor | None, places: Tensor) -> None:
        """Look at flat indices ``rows`` [n] of ``places`` [rows, width] from now on; at all where None."""
        self.rows = rows
        if rows is not None:
            every = torch.arange(places.numel(), device=places.device)
            self.nearest = torch.searchsorted(rows, every).clamp_(max=len(rows) - 1)


@dataclass(frozen=True)
class SplitModel:
    """The model to score with.

    ``body`` maps token ids to features; ``head`` features to logits, or is None where the model's own logits serve as
    features because the halves do not reproduce them (``reason`` says why).  ``looked`` is what the model's last layer reads
    to leave places out (``gap.evaluate.engine.last_layer_pruning``), None where it leaves out none.  ``parallel``: passes may run side by side.
    """

    model: Any
    body: Callable[..., Any]
    head: Callable[[Tensor], Tensor] | None
    reason: str = ""
    looked: QueryPositions | None = None
    parallel: bool = False

    def features(self, ids: Tensor, query_positions: Tensor | None = None, **more: Any) -> Tensor:
        """Hidden states (or logits) of every position: [rows, width, size] for ids [rows, width]; ``more`` goes to the model.

        Where flat indices ``query_positions`` [n], ascending, are given, other positions may hold numbers that mean nothing; keys and values in
        a cache are those of every position.
        """
        # spelled out: OPT would count positions with a sum that has no deterministic form on a GPU
        more.setdefault("position_ids", torch.arange(ids.shape[1], device=ids.device)[None])
        if self.looked is not None:
            self.looked.at(query_positions, ids)
        try:
            if self.head is None:
                return self.model(input_ids=ids, **more).logits
            return self.body(input_ids=ids, **more).last_hidden_state
        finally:
            PASS_CACHE.forget()
            if self.looked is not None:
                self.looked.at(None, ids)

    def each(self, run: Callable[[T], R], groups: Sequence[Sequence[T]], size: Callable[[T], float]) -> list[R]:
        """``run``, which feeds a pass, of each part of the groups in their order: side by side where passes may, without gradients."""

        def inside(part: T) -> R:
            with without_gradients():  # each thread has a mode of its own
                return run(part)

        return parallel_map(inside, groups, size) if self.parallel else [inside(part) for group in groups for part in group]

    def logits(self, features: Tensor) -> Tensor:
        """Logits in fp32, [..., vocabulary], of features [..., size]."""
        return self.raw_logits(features).float()

    def raw_logits(self, features: Tensor) -> Tensor:
        """The same in the head's own dtype."""
        return features if self.head is None else self.head(features)


def split_model(model: Any) -> SplitModel:
    """Split ``model`` (in eval mode) into body and head, or fall back to its own logits with a logged reason.

    The halves are tried once against the full logits: a model may scale or cap its logits behind the head, which no
    attribute tells.
    """
    body, head = body_and_head(model)
    network = SplitModel(model, body, head)
    reason = "it has no output embedding" if head is None else _difference(network)
    if not reason:
        return network
    LOG.warning("%s is scored through its full logits: %s", type(model).__name__, reason)
    return SplitModel(model, model, None, reason)


@without_gradients()
def _difference(network: SplitModel) -> str:
    """Why body and head do not give the model's logits on a small batch; empty where they do."""
    vocabulary = network.model.config.vocab_size
    ids = (torch.arange(2 * TRIAL, device=network.model.device) * 7919 % vocabulary).reshape(2, TRIAL)
    positions = torch.arange(TRIAL, device=ids.device)[None]
    whole = network.model(input_ids=ids, position_ids=positions, use_cache=False).logits.float()
    halves = network.logits(network.features(ids, use_cache=False))
    if halves.shape != whole.shape:
        return f"its head gives shape {list(halves.shape)} instead of {list(whole.shape)}"
    gap = float((halves - whole).abs().max() / whole.abs().max().clamp(min=1.0))
    return "" if gap <= TOLERANCE else f"its head differs from its logits by {gap:.2g} (relative)"


def positions(model: Any) -> int:
    """Longest sequence that the model has positions for (a very large number where it says nothing)."""
    return int(getattr(model.config, "max_position_embeddings", None) or 2**31)
