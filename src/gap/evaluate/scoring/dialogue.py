"""Dialogue: the greedy answer, its F1, and the NLL of the reference answer.

One pass over prompt and reference fills the cache and gives the NLL; the greedy answer continues from the prompt.  A model that
this does not suit (``gap.evaluate.scoring.decoding_check``) is decoded without a cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from gap.evaluate.encoding.dialogue_chunks import DialogueChunk, dialogue_chunks
from gap.evaluate.engine.split_model import SplitModel
from gap.evaluate.item_scores import Answer, judge
from gap.evaluate.scoring.decoding import Decoding, cached_answers, plain_answers
from gap.evaluate.scoring.stop_automaton import stop_table
from gap.evaluate.scoring.trial_items import TRIAL_ITEMS, trial_items
from gap.models.sharding import without_gradients
from gap.models.text import eos_ids, max_positions, prompt_limit, until
from gap.params.evaluate import Evaluate
from gap.tasks.items import Dialogue


@dataclass(frozen=True)
class Dialogues:
    """A task's dialogues, encoded for one model's vocabulary and length.

    eos_ids: tokens that end an answer; table: ``stop_table``'s; max_steps: passes behind a prompt at most; decoding: how.
    """

    chunks: tuple[DialogueChunk, ...]
    tokenizer: Any
    eos_ids: frozenset[int]
    table: Tensor
    max_steps: int
    decoding: Decoding = "cached"


def encode_dialogues(items: Sequence[Dialogue], tokenizer: Any, settings: Evaluate, model: Any, device: str) -> Dialogues:
    """Token ids, groups and the stop table, once per job.

    Raises
    ------
    BadInput: no opening token, or a model with too few positions for any prompt.
    """
    # the last token of a reference is not fed
    cut = settings.model_copy(update={"max_length": min(settings.max_length, max_positions(model) + 1)})
    limit = prompt_limit(settings.max_length, settings.max_new_tokens, model)
    chunks = dialogue_chunks(items, tokenizer, cut, limit, device)
    ends = eos_ids(model)
    # the stop text is the same for all items of a task
    table = stop_table(tokenizer, model.config.vocab_size, ends, device, items[0].stop)
    return Dialogues(chunks, tokenizer, frozenset(ends), table, settings.max_new_tokens - 1)


def encode_trial(items: Sequence[Dialogue], tokenizer: Any, settings: Evaluate, model: Any, device: str) -> Dialogues:
    """The first and the longest of them, on which decoding is tried."""
    return encode_dialogues(trial_items(items, TRIAL_ITEMS, lambda item: len(item.prompt)), tokenizer, settings, model, device)


def answer_chunks(network: SplitModel, dialogues: Dialogues, numbers: Sequence[int]) -> list[list[Answer]]:
    """Answers of the chunks with these numbers, item by item."""
    with without_gradients():
        return [_answers(network, dialogues, dialogues.chunks[number]) for number in numbers]


def _answers(network: SplitModel, dialogues: Dialogues, chunk: DialogueChunk) -> list[Answer]:
    tokens, nll = (cached_answers if dialogues.decoding == "cached" else plain_answers)(network, dialogues, chunk)
    return _judge(dialogues, chunk, tokens.tolist(), nll)


def _judge(dialogues: Dialogues, chunk: DialogueChunk, tokens: list[list[int]], nll: np.ndarray) -> list[Answer]:
    """Responses and F1, in item order; ``tokens`` are those of each row, ``nll`` that of each item."""
    # the end token itself is kept, as ``generate`` does; decoding leaves it out where it is a special token
    answers = [until(row, dialogues.eos_ids) for row in tokens]
    decoded = dialogues.tokenizer.batch_decode(answers, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    texts = dict(zip(chunk.order, decoded, strict=True))
    return [judge(texts[item], chunk.items[item], float(nll[item]), chunk.reference_tokens[item]) for item in range(len(chunk.order))]
