"""Ways to run a batch through the network, chosen by measurement: as it is, captured graphs, compiled, additive masks.

A job feeds the same batches to every checkpoint, and weights change in place: so a graph captured for a batch's shape stays
valid for the whole job.  Each candidate is held to the plain path on the job's own batches and timed there.  By itself the
choice falls only on what gives the plain path's bits, so that no result depends on a stopwatch; ``exact=False`` lets
candidates in that agree within rounding.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from gap.evaluate.encoding.batches import Batch
from gap.evaluate.engine.split_model import SplitModel
from gap.evaluate.scoring.multiple_choice import token_log_probabilities
from gap.models.precision import autocast
from gap.models.sharding import without_gradients

#: Devices on which a job chooses: on a CPU every pass is long beside what starting it costs, and choosing would not pay.
CHOOSING = ("cuda",)
#: Batches to try, timings of each, and the largest difference of a log-probability (nats) by autocast's dtype, None for fp32.
TRIED, TIMED = 3, 3
TOLERANCE = {None: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.3}
#: What a candidate raises that this machine or this model has no use for; a failed compilation is a RuntimeError.
UNSUITED = (RuntimeError, NotImplementedError, ValueError, TypeError, ImportError, OSError)
LOG = logging.getLogger(__name__)
Run = Callable[[], Tensor]


def capture(run: Run, device: str, pool: Any) -> Run:
    """``run`` as something that replays it into the same memory; on a CPU replaying is running it again.

    ``pool`` is the memory that captured graphs share: each one's result is read before the next is replayed.
    """
    if device != "cuda":
        kept = run()
        return lambda: kept.copy_(run())
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        run()  # libraries choose their algorithms before the capture
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        result = run()

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay


@dataclass(frozen=True)
class Captured(SplitModel):
    """The network with one captured graph per shape of its inputs; passes that fill a cache run as they are.

    Inputs are copied into the graph's own buffers.  The returned features are overwritten by the next pass of the same
    shape: whoever calls picks rows from them at once, which copies.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "graphs", {})
        object.__setattr__(self, "pool", torch.cuda.graph_pool_handle() if self.model.device.type == "cuda" else None)

    def features(self, ids: Tensor, query_positions: Tensor | None = None, **more: Any) -> Tensor:
        """As ``SplitModel.features``."""
        if more.get("use_cache") or more.get("past_key_values") is not None:
            return super().features(ids, query_positions, **more)
        if self.looked is not None and query_positions is not None:
            more["looked_at"] = query_positions
        given = {"ids": ids, **{name: value for name, value in more.items() if isinstance(value, Tensor)}}
        rest = {name: value for name, value in more.items() if name not in given}
        key = tuple((name, tuple(value.shape), value.dtype) for name, value in sorted(given.items()))
        graphs: dict[Any, tuple[dict[str, Tensor], Run]] = self.graphs  # type: ignore[attr-defined]
        if key not in graphs:
            buffers = {name: value.clone() for name, value in given.items()}
            plain = super().features

            def run() -> Tensor:
                return plain(buffers["ids"], **{name: value for name, value in buffers.items() if name != "ids"}, **rest)

            graphs[key] = buffers, capture(run, ids.device.type, self.pool)  # type: ignore[attr-defined]
        buffers, replayed = graphs[key]
        for name, value in given.items():
            buffers[name].copy_(value)
        return replayed()


@dataclass(frozen=True)
class Added(SplitModel):
    """The network with eager attention, whose mask is added: 0 where a place is seen, the lowest number elsewhere."""

    def features(self, ids: Tensor, query_positions: Tensor | None = None, **more: Any) -> Tensor:
        """As ``SplitModel.features``."""
        mask = more.get("attention_mask")
        if mask is not None and mask.dtype == torch.bool and mask.dim() == 4:
            lowest = torch.finfo(torch.float32).min
            more["attention_mask"] = torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, lowest)
        before = self.model.config._attn_implementation
        self.model.set_attn_implementation("eager")
        try:
            return super().features(ids, query_positions, **more)
        finally:
            self.model.set_attn_implementation(before)


def compiled(network: SplitModel) -> SplitModel:
    """The body compiled by torch's default compiler, for any shape."""
    body: Any = torch.compile(network.body, dynamic=True)
    return replace(network, body=body)


CANDIDATES: dict[str, Callable[[SplitModel], SplitModel]] = {
    "captured graphs": lambda network: Captured(**vars_of(network)),
    "compiled": compiled,
    "eager attention": lambda network: Added(**vars_of(network)),
}


def vars_of(network: SplitModel) -> dict[str, Any]:
    """Its fields."""
    return {field.name: getattr(network, field.name) for field in fields(SplitModel)}


@dataclass(frozen=True)
class Choice:
    """The network to use, the name of the way, seconds per trial by name (first use, then the fastest), and why others were dropped."""

    network: SplitModel
    name: str
    seconds: dict[str, tuple[float, float]]
    dropped: dict[str, str]

    def __str__(self) -> str:
        timed = ", ".join(f"{name} {best * 1e3:.2f} ms (first {first * 1e3:.0f} ms)" for name, (first, best) in self.seconds.items())
        why = "".join(f"; without {name}: {reason}" for name, reason in self.dropped.items())
        return f"{self.name} of {timed}{why}"


def choose(network: SplitModel, batches: Sequence[Batch], dtype: torch.dtype | None, exact: bool = True) -> Choice:
    """The fastest way to score ``batches`` (the job's own) among those that agree with the plain one; under autocast in ``dtype``."""
    tried = list(batches[:TRIED])
    device = tried[0].ids.device.type
    wanted, *plain = _timed(network, tried, dtype, device)
    seconds, dropped = {"plain": (plain[0], plain[1])}, {}
    ways: dict[str, SplitModel] = {"plain": network}
    for name, build in CANDIDATES.items():
        try:
            way = build(network)
            found, first, best = _timed(way, tried, dtype, device)
        except UNSUITED as error:
            dropped[name] = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            continue
        gap = float((found - wanted).abs().max())
        if not gap <= (0.0 if exact else TOLERANCE[dtype]):
            dropped[name] = f"log-probabilities differ by up to {gap:.2g} nats"
            continue
        ways[name], seconds[name] = way, (first, best)
    fastest = min(seconds, key=lambda name: seconds[name][1])
    choice = Choice(ways[fastest], fastest, seconds, dropped)
    LOG.info("%s is run by %s", type(network.model).__name__, choice)
    return choice


@without_gradients()
def _timed(network: SplitModel, batches: Sequence[Batch], dtype: torch.dtype | None, device: str) -> tuple[Tensor, float, float]:
    """Log-probabilities of the last of several passes (after graphs were captured), seconds of the first and of the fastest other."""
    passes = []
    for _ in range(1 + TIMED):
        start = time.perf_counter()
        with autocast(device, dtype):
            found = torch.cat([token_log_probabilities(network, batch) for batch in batches]).cpu()  # waits for the device
        passes.append(time.perf_counter() - start)
    return found, passes[0], min(passes[1:])
