"""The scorer by prefix trees as a model of lm-eval, registered as ``gap``: anyone's tasks, at its speed.

    gap lm-eval --model gap --model_args pretrained=FOLDER --tasks arc_easy

Requests are encoded, and answers generated, by lm-eval's own HF backend; only log-likelihoods are computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM

from gap.core.progress import progress
from gap.evaluate.encoding.batches import Batch, ScoredSequence, batch_cost
from gap.evaluate.encoding.encode import LAYOUTS, Layout
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import SplitModel, split_model
from gap.evaluate.item_scores import check_finite
from gap.evaluate.scoring.layout_check import prove_layout
from gap.evaluate.scoring.multiple_choice import read_targets, with_greedy
from gap.evaluate.scoring.trial_items import TOLERANCE, trial_items
from gap.models.precision import autocast

#: Requests laid out together: enough to fill batches, few enough for progress to show.
REQUESTS_AT_ONCE = 1024
TRIAL_REQUESTS, TRIAL_TOKENS = 8, 4096
#: Allowed difference (nats) between the layouts where weights are in half precision and move scores by their own rounding.
HALF_TOLERANCE = replace(TOLERANCE, absolute=1e3 * TOLERANCE.absolute, relative=1e3 * TOLERANCE.relative)
Request = tuple[Any, list[int], list[int]]


@register_model("gap")
class TreeLM(HFLM):
    """lm-eval's HF backend with log-likelihoods by trees; ``tree_tokens`` bounds a forward pass, padding included."""

    def __init__(self, *args: Any, tree_tokens: int = 0, **more: Any) -> None:
        super().__init__(*args, **more)
        self.tree_tokens = int(tree_tokens) or (16384 if self.device.type == "cuda" else 512)
        self._network: SplitModel | None = None
        self._layout: Layout = "plain"

    def _loglikelihood_tokens(
        self, requests: list[Request], disable_tqdm: bool = False, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        """(sum of log-probabilities in nats, whether every token is the likeliest) per request, as the backend defines them."""
        if not requests:  # of an empty text; trees are not proven by scoring nothing
            return []
        if self.backend != "causal":
            return super()._loglikelihood_tokens(requests, disable_tqdm, override_bs)
        network = self._open(requests)
        # in this order requests with one context stand together
        order = sorted(range(len(requests)), key=lambda index: (requests[index][1], requests[index][2]))
        answers: dict[int, tuple[float, bool]] = {}
        with progress("loglikelihood", 0 if disable_tqdm else len(requests)) as shown:
            for first in range(0, len(order), REQUESTS_AT_ONCE):
                indices = order[first : first + REQUESTS_AT_ONCE]
                sequences = [self._sequence(requests[index], slot) for slot, index in enumerate(indices)]
                batches = LAYOUTS[self._layout](sequences, self.tree_tokens, self.device.type)
                with autocast(self.device.type, self.mixed_precision_dtype):
                    scored = _score(network, batches, len(indices))
                for index, answer in zip(indices, scored, strict=True):
                    answers[index] = answer
                    if requests[index][0] is not None:
                        self.cache_hook.add_partial("loglikelihood", requests[index][0], answer)
                shown.step(len(indices))
        return [answers[index] for index in range(len(requests))]

    def _sequence(self, request: Request, slot: int) -> ScoredSequence:
        """What the backend feeds: the last ``max_length`` tokens before the last one."""
        _, context, continuation = request
        ids = (*context, *continuation)[-(self.max_length + 1) :][:-1]
        targets = tuple(continuation[-len(ids) :])
        return ScoredSequence(ids, len(ids) - len(targets), targets, slot)

    def _open(self, requests: Sequence[Request]) -> SplitModel:
        """The model split into body and head, as a scoring model where its weights are in fp32.

        Trees are used if they give the scores of single sequences on the first and the longest requests.
        """
        if self._network is None:
            network = self._network = split_model(self.model)
            trial = trial_items(requests, TRIAL_REQUESTS, lambda request: len(request[1]) + len(request[2]))
            sequences = [self._sequence(request, slot) for slot, request in enumerate(trial)]

            def score(layout: Layout) -> np.ndarray:
                batches = LAYOUTS[layout](sequences, TRIAL_TOKENS, self.device.type)
                return np.array([score for score, _ in _score(network, batches, len(sequences))])

            fp32 = next(self.model.parameters()).dtype == torch.float32
            self._layout, _ = prove_layout(network, score, TOLERANCE if fp32 else HALF_TOLERANCE)
            # a model that is spread over devices has hooks that a copy would share
            if fp32 and not hasattr(self.model, "hf_device_map"):
                self._network = open_scoring_model(network, self.mixed_precision_dtype)
        return self._network


def _score(network: SplitModel, batches: Sequence[Batch], count: int) -> list[tuple[float, bool]]:
    """Per slot the sum of its log-probabilities (nats), and whether all its targets are the likeliest tokens."""
    sums, greedy = np.zeros(count), np.ones(count, dtype=bool)
    results = network.map(lambda batch: read_targets(network, batch, with_greedy), [batches], batch_cost)
    for batch, columns in zip(batches, results, strict=True):
        values, likeliest = columns.cpu().numpy().astype(np.float64).T
        np.add.at(sums, np.array(batch.slots), values)
        np.logical_and.at(greedy, np.array(batch.slots), likeliest > 0)
    check_finite(sums, "lm-eval's requests", str(network.model.dtype).removeprefix("torch."))
    return list(zip(sums.tolist(), greedy.tolist(), strict=True))


def main() -> None:
    """lm-eval's command line with this model registered."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
