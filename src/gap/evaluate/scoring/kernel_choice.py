"""Ways to run a batch through the network, chosen by measurement: as it is, captured graphs, compiled.

A job feeds the same batches to every checkpoint, and weights change in place: so a graph captured for a batch's shape stays
valid for the whole job.  Each candidate is compared with the plain path on the job's own batches and timed there.  Only those
with the plain path's bits are eligible, so that no result depends on a stopwatch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from gap.evaluate.encoding.batches import Batch
from gap.evaluate.engine.split_model import SplitModel
from gap.evaluate.scoring.multiple_choice import token_log_probabilities
from gap.models.equivalence import UNSUITED, Tolerance, describe_error, prove_equivalent
from gap.models.precision import autocast
from gap.models.sharding import without_gradients

#: Devices on which a job chooses: on a CPU every pass is long beside the cost of starting it, and choosing would not pay.
CHOOSING = ("cuda",)
#: Batches to try, and timings of each.
TRIAL_BATCHES, REPEATS = 3, 3
SAME_BITS = Tolerance()
LOG = logging.getLogger(__name__)
Run = Callable[[], Tensor]


def capture(run: Run, device: str, pool: Any) -> Run:
    """``run`` as something that replays it into the same memory; on a CPU replaying is running it again.

    ``pool`` is the memory that captured graphs share: each one's result is read before the next is replayed.
    """
    if device != "cuda":
        result = run()
        return lambda: result.copy_(run())
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
class CapturedModel(SplitModel):
    """The network with one captured graph per shape of its inputs; passes that fill a cache run as they are.

    Inputs are copied into the graph's own buffers.  The returned features are overwritten by the next pass of the same
    shape: callers pick rows from them at once, which copies.  ``graphs``: names, shapes and dtypes of the inputs -> the buffers
    and what replays their graph; ``pool``: as ``capture`` has it.
    """

    graphs: dict[Any, tuple[dict[str, Tensor], Run]] = field(default_factory=dict)
    pool: Any = None

    def features(self, ids: Tensor, query_positions: Tensor | None = None, **inputs: Any) -> Tensor:
        """As ``SplitModel.features``."""
        if inputs.get("use_cache") or inputs.get("past_key_values") is not None:
            return super().features(ids, query_positions, **inputs)
        if self.query_selection is not None and query_positions is not None:
            inputs["query_positions"] = query_positions
        tensors = {"ids": ids, **{name: value for name, value in inputs.items() if isinstance(value, Tensor)}}
        options = {name: value for name, value in inputs.items() if name not in tensors}
        key = tuple((name, tuple(value.shape), value.dtype) for name, value in sorted(tensors.items()))
        if key not in self.graphs:
            buffers = {name: value.clone() for name, value in tensors.items()}
            features = super().features
            self.graphs[key] = buffers, capture(lambda: features(**buffers, **options), ids.device.type, self.pool)
        buffers, replay = self.graphs[key]
        for name, value in tensors.items():
            buffers[name].copy_(value)
        return replay()


def capture_graphs(network: SplitModel) -> SplitModel:
    """The network by captured graphs."""
    return CapturedModel(**vars(network), pool=torch.cuda.graph_pool_handle() if network.model.device.type == "cuda" else None)


def compile_body(network: SplitModel) -> SplitModel:
    """The body compiled by torch's default compiler, for any shape."""
    body: Any = torch.compile(network.body, dynamic=True)
    return replace(network, body=body)


CANDIDATES: dict[str, Callable[[SplitModel], SplitModel]] = {"captured graphs": capture_graphs, "compiled": compile_body}


@dataclass(frozen=True)
class KernelChoice:
    """The network to use, its name, seconds per trial by name (first pass, then the fastest), and why others were dropped."""

    network: SplitModel
    name: str
    seconds: dict[str, tuple[float, float]]
    dropped: dict[str, str]

    def __str__(self) -> str:
        timed = ", ".join(f"{name} {best * 1e3:.2f} ms (first {first * 1e3:.0f} ms)" for name, (first, best) in self.seconds.items())
        reasons = "".join(f"; without {name}: {reason}" for name, reason in self.dropped.items())
        return f"{self.name} of {timed}{reasons}"


def choose(network: SplitModel, batches: Sequence[Batch], dtype: torch.dtype | None) -> KernelChoice:
    """The fastest way to score ``batches`` (the job's own) among those with the plain one's bits; under autocast in ``dtype``."""
    trial = list(batches[:TRIAL_BATCHES])
    reference, plain = _timed(network, trial, dtype)
    seconds, dropped = {"plain": plain}, {}
    eligible: dict[str, SplitModel] = {"plain": network}
    for name, build in CANDIDATES.items():
        try:
            candidate = build(network)
            scores, timing = _timed(candidate, trial, dtype)
        except UNSUITED as error:
            dropped[name] = describe_error(error)
            continue
        if reason := prove_equivalent(reference, scores, SAME_BITS):
            dropped[name] = f"log-probabilities {reason}"
            continue
        eligible[name], seconds[name] = candidate, timing
    fastest = min(seconds, key=lambda name: seconds[name][1])
    choice = KernelChoice(eligible[fastest], fastest, seconds, dropped)
    LOG.info("%s is run by %s", type(network.model).__name__, choice)
    return choice


@without_gradients()
def _timed(network: SplitModel, batches: Sequence[Batch], dtype: torch.dtype | None) -> tuple[Tensor, tuple[float, float]]:
    """Log-probabilities of the last of several passes (after graphs were captured), seconds of the first and of the fastest other."""
    seconds = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        with autocast(batches[0].ids.device.type, dtype):
            scores = torch.cat([token_log_probabilities(network, batch) for batch in batches]).cpu()  # waits for the device
        seconds.append(time.perf_counter() - start)
    return scores, (seconds[0], min(seconds[1:]))
