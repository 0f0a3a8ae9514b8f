"""The tree scorer as a model of lm-eval, registered as ``gap``: anyone's tasks, at its speed.

    gap lm-eval --model gap --model_args pretrained=FOLDER --tasks arc_easy

Requests are encoded, and answers generated, by lm-eval's own HF backend; only log-likelihoods are computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM

from gap.core.progress import progress
from gap.evaluate.encoding.batches import Batch, Scored, work
from gap.evaluate.encoding.encode import LAYOUTS, Layout
from gap.evaluate.engine.cast_weights import with_scoring_model
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import SplitModel, split_model
from gap.evaluate.scoring.layout_check import proven
from gap.evaluate.scoring.multiple_choice import greedy_log_probabilities
from gap.models.precision import autocast

#: Requests laid out together: enough to fill batches, few enough for progress to show.
TOGETHER = 1024
TRIED, TRIED_TOKENS = 8, 4096
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
        if self.backend != "causal":
            return super()._loglikelihood_tokens(requests, disable_tqdm, override_bs)
        network = self._open(requests)
        # in this order requests with one context stand together
        order = sorted(range(len(requests)), key=lambda place: (requests[place][1], requests[place][2]))
        found: dict[int, tuple[float, bool]] = {}
        with progress("loglikelihood", 0 if disable_tqdm else len(requests)) as shown:
            for first in range(0, len(order), TOGETHER):
                places = order[first : first + TOGETHER]
                batches = LAYOUTS[self._layout](
                    [self._sequence(requests[place], slot) for slot, place in enumerate(places)], self.tree_tokens, self.device.type
                )
                with autocast(self.device.type, self.mixed_precision_dtype):
                    answers = _answers(network, batches, len(places))
                for place, answer in zip(places, answers, strict=True):
                    found[place] = answer
                    if requests[place][0] is not None:
                        self.cache_hook.add_partial("loglikelihood", requests[place][0], answer)
                shown.step(len(places))
        return [found[place] for place in range(len(requests))]

    def _sequence(self, request: Request, slot: int) -> Scored:
        """What the backend feeds: the last ``max_length`` tokens before the last one."""
        _, context, continuation = request
        ids = (*context, *continuation)[-(self.max_length + 1) :][:-1]
        targets = tuple(continuation[-len(ids) :])
        return Scored(ids, len(ids) - len(targets), targets, slot)

    def _open(self, requests: Sequence[Request]) -> SplitModel:
        """The model in two halves, with a twin where its weights are in fp32.

        Trees are used if they give the scores of single sequences on the first requests.
        """
        if self._network is None:
            network = self._network = split_model(self.model)
            tried = [self._sequence(request, slot) for slot, request in enumerate(requests[:TRIED])]

            def score(layout: Layout) -> np.ndarray:
                batches = LAYOUTS[layout](tried, TRIED_TOKENS, self.device.type)
                return np.array([score for score, _ in _answers(network, batches, len(tried))])

            # half-precision weights move scores by their own rounding
            whole = next(self.model.parameters()).dtype == torch.float32
            self._layout, _ = proven(network, score, 1.0 if whole else 1e3)
            # a model that is spread over devices has hooks that a twin would share
            twin = open_scoring_model(network, self.mixed_precision_dtype) if whole and not hasattr(self.model, "hf_device_map") else None
            self._network = with_scoring_model(network, twin)
        return self._network


def _answers(network: SplitModel, batches: Sequence[Batch], count: int) -> list[tuple[float, bool]]:
    sums, greedy = np.zeros(count), np.ones(count, dtype=bool)
    found = network.each(lambda batch: greedy_log_probabilities(network, batch), [batches], work)
    for batch, (values, likeliest) in zip(batches, found, strict=True):
        slots = np.array(batch.slot)
        np.add.at(sums, slots, values.cpu().numpy().astype(np.float64))
        np.logical_and.at(greedy, slots, likeliest.cpu().numpy())
    return list(zip(sums.tolist(), greedy.tolist(), strict=True))


def main() -> None:
    """lm-eval's command line with this model registered."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
