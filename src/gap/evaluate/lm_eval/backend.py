"""lm-eval's HF backend on our items: the peer to compare with, item by item (``gap evaluate --scorer lm-eval``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gap.evaluate.item_scores import Answer, judge
from gap.models.pairs import encode_pairs
from gap.models.text import max_positions, prompt_limit
from gap.models.tokenizer import with_opening
from gap.tasks.items import Dialogue, MultipleChoice

if TYPE_CHECKING:
    from gap.params.evaluate import Evaluate


class LmEvalBackend:
    """The backend around a model that stays loaded; ``dtype`` is that of autocast, None for fp32.

    Dialogues that are longer than the model has positions for are cut as our own scorer cuts them.
    """

    def __init__(self, model: Any, tokenizer: Any, settings: Evaluate, device: str, dtype: torch.dtype | None) -> None:
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self.arguments: dict[str, Any] = {
            "pretrained": model,
            "tokenizer": with_opening(tokenizer),
            "backend": "causal",
            "batch_size": 1,
            "device": device,
            "add_bos_token": True,
            "mixed_precision_dtype": dtype,
        }

    def _backend(self, max_length: int) -> Any:
        from lm_eval.models.huggingface import HFLM

        return HFLM(max_length=max_length, **self.arguments)

    def _log_likelihoods(self, pairs: list[tuple[str, str]]) -> list[tuple[float, bool]]:
        from lm_eval.api.instance import Instance

        requests = [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(pairs)]
        # it feeds max_length tokens and looks one more up
        fed = min(self.settings.max_length - 1, max_positions(self.model))
        return self._backend(fed).loglikelihood(requests, disable_tqdm=True)

    def choices(self, items: Sequence[MultipleChoice]) -> list[np.ndarray]:
        """Per item the summed log-probabilities (nats) of its continuations.

        A single continuation stands beside the bound that no other text exceeds, 0, unless greedy decoding gives it (then beside itself).
        """
        answers = self._log_likelihoods([(item.context, text) for item in items for text in item.continuations])
        if all(len(item.continuations) == 1 for item in items):
            return [np.array([score, score if greedy else 0.0]) for score, greedy in answers]
        return np.split(np.array([score for score, _ in answers]), np.cumsum([len(item.continuations) for item in items])[:-1])

    def answers(self, items: Sequence[Dialogue]) -> list[Answer]:
        """Greedy answers, and the NLL of the reference answers.

        Raises
        ------
        BadInput: the model has too few positions for any prompt.
        """
        from lm_eval.api.instance import Instance

        new = self.settings.max_new_tokens
        options = {"until": [items[0].stop], "do_sample": False, "max_gen_toks": new}
        requests = [Instance("generate_until", {}, (item.prompt, options), index) for index, item in enumerate(items)]
        # prompts are cut to max_length less the new tokens
        limit = prompt_limit(self.settings.max_length, new, self.model)
        texts = self._backend(limit + new).generate_until(requests, disable_tqdm=True)
        scores = self._log_likelihoods([(item.prompt, f" {item.reference}") for item in items])
        tokens = [len(reference) for _, reference in encode_pairs(self.tokenizer, [(item.prompt, f" {item.reference}") for item in items])]
        return [judge(text, item, -score, count) for text, item, (score, _), count in zip(texts, items, scores, tokens, strict=True)]
