"""Dialogue: the greedy answer, its F1, and the NLL of the answer that was given.

One pass over prompt and given answer fills the cache and gives the NLL; the greedy answer continues from the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from gap.core.errors import BadInput
from gap.evaluate.encoding.batches import Batch, Scored, grouped, make_batch, pack
from gap.evaluate.encoding.encode import bos_id, encode, scored_sequence
from gap.evaluate.encoding.item_chunks import item_chunks
from gap.evaluate.engine.split_model import SplitModel, positions
from gap.evaluate.scoring.greedy_decoding import StaticKVCache, greedy, kept_in
from gap.evaluate.scoring.multiple_choice import log_probabilities, token_log_probabilities
from gap.evaluate.scoring.stop_automaton import stop_table
from gap.models.sharding import without_gradients
from gap.models.text import eos_ids
from gap.params.methods import Evaluate
from gap.tasks.dialogue import cut, unigram_f1
from gap.tasks.items import Dialogue


@dataclass(frozen=True)
class Answer:
    """One item's result: the greedy response, its F1, the summed NLL (nats) of the reference and its tokens."""

    response: str
    f1: float
    nll: float
    tokens: int


@dataclass(frozen=True)
class Prompts:
    """A group of prompts fed together, with the given answers behind them.

    last: [rows] flat indices of the prompts' ends; looked: [n] those of all places that predict something, ascending.
    """

    batch: Batch
    last: Tensor
    looked: Tensor


@dataclass(frozen=True)
class DialogueChunk:
    """One block of items, fed in groups of similar length and answered together.

    order: item of each row; lengths: [rows] of the prompts; apart: given answers whose context is cut elsewhere than the
    prompt is; tokens: of each given answer, by item.
    """

    first: int
    order: tuple[int, ...]
    references: tuple[str, ...]
    tokens: tuple[int, ...]
    prompts: tuple[Prompts, ...]
    apart: tuple[Batch, ...]
    lengths: Tensor
    longest: int


@dataclass(frozen=True)
class Dialogues:
    """A task's dialogues, compiled for one model's vocabulary and length; ``stop`` is the text that ends an answer."""

    chunks: tuple[DialogueChunk, ...]
    tokenizer: Any
    ends: frozenset[int]
    table: Tensor
    room: int
    stop: str


def prompt_limit(settings: Evaluate, model: Any) -> int:
    """Longest prompt: ``max_length`` tokens as the authors have it, less where the model has no positions for the answer.

    Raises
    ------
    BadInput: the model has too few positions for any prompt.
    """
    # the last new token is never fed
    limit = min(settings.max_length, positions(model) - (settings.max_new_tokens - 1))
    if limit < 2:
        found = f"{settings.max_new_tokens} new tokens for a model of {positions(model)} positions"
        cure = "Lower it, or train a model with a longer context."
        raise BadInput("evaluate.max_new_tokens", found, "less than the model's positions", cure)
    return limit


def encode_dialogues(items: Sequence[Dialogue], tokenizer: Any, settings: Evaluate, model: Any, device: str) -> Dialogues:
    """Token ids, groups and the stop table, once per job.

    A prompt that is too long is cut from the left behind its opening token (the authors' tokenizer does so); the
    reference follows the prompt after a space, its context cut from the left as in multiple choice.  The authors' code
    encodes the reference by itself, so that another opening token stands before it; no published number depends on it.
    """
    opening, limit = bos_id(tokenizer), prompt_limit(settings, model)
    prompts = encode(tokenizer, [item.prompt for item in items])
    references = encode(tokenizer, [f" {item.reference}" for item in items])
    compiled = []
    for places in item_chunks(items):
        pairs = [((opening, *prompts[place]), tuple(references[place])) for place in places]
        texts = tuple(items[place].reference for place in places)
        compiled.append(_block(places[0], pairs, texts, limit, settings, device))
    ends = eos_ids(model)
    stop = items[0].stop  # the same for all items of a task
    table = stop_table(tokenizer, model.config.vocab_size, ends, device, stop)
    return Dialogues(tuple(compiled), tokenizer, frozenset(ends), table, settings.max_new_tokens - 1, stop)


def _block(
    first: int, pairs: list[tuple[tuple[int, ...], tuple[int, ...]]], texts: tuple[str, ...], limit: int, settings: Evaluate, device: str
) -> DialogueChunk:
    fed: list[Scored] = []
    apart: list[Scored] = []
    for slot, (prompt, reference) in enumerate(pairs):
        kept = prompt if len(prompt) <= limit else (prompt[0], *prompt[len(prompt) - limit + 1 :])
        scored = scored_sequence(prompt, reference, settings.max_length, slot)
        if scored.ids == (*kept, *reference[:-1]):
            fed.append(scored)
        else:
            fed.append(Scored(kept, len(kept) - 1, (), slot))
            apart.append(scored)
    fed.sort(key=lambda one: (one.start, one.ids))
    groups = grouped(fed, [len(one.ids) for one in fed], settings.batch_tokens, device)
    lengths = torch.tensor([one.start + 1 for one in fed], device=device)
    return DialogueChunk(
        first,
        tuple(one.slot for one in fed),
        texts,
        tuple(len(one.targets) for one in sorted([one for one in fed if one.targets] + apart, key=lambda one: one.slot)),
        tuple(_prompts(group, device) for group in groups),
        pack(apart, settings.batch_tokens, device),
        lengths,
        fed[-1].start + 1,
    )


def _prompts(group: Sequence[Scored], device: str) -> Prompts:
    batch = make_batch([(one.ids, [one]) for one in group], device)
    width = batch.ids.shape[1]
    last = torch.tensor([row * width + one.start for row, one in enumerate(group)], device=device)
    return Prompts(batch, last, torch.cat([batch.rows, last]).unique())


def answer_chunks(network: SplitModel, dialogues: Dialogues, wanted: Sequence[int]) -> list[list[Answer]]:
    """Answers of the blocks with these numbers, item by item."""
    with without_gradients():
        return [_answers(network, dialogues, dialogues.chunks[number]) for number in wanted]


def _answers(network: SplitModel, dialogues: Dialogues, block: DialogueChunk) -> list[Answer]:
    slabs = StaticKVCache(len(block.order), block.longest, dialogues.room, kept_in(network))
    firsts: list[Tensor] = []
    parts: list[Tensor] = []
    slots: list[int] = []
    row = 0
    for prompts in block.prompts:
        batch = prompts.batch
        cache = DynamicCache(config=network.model.config)
        features = network.features(batch.ids, prompts.looked, past_key_values=cache, use_cache=True).flatten(0, 1)
        firsts.append(network.logits(features[prompts.last]).argmax(-1))
        parts.append(log_probabilities(network, features[batch.rows], batch.pick, batch.target))
        slots += batch.slot
        slabs.put(row, cache)
        row += len(prompts.last)
    for batch in block.apart:
        parts.append(token_log_probabilities(network, batch))
        slots += batch.slot
    tokens = greedy(network, slabs, torch.cat(firsts), block.lengths, dialogues.table).tolist()
    nll = np.zeros(len(block.order))
    np.subtract.at(nll, np.array(slots, dtype=np.int64), torch.cat(parts).cpu().numpy().astype(np.float64))
    return _judge(dialogues, block, tokens, nll)


def _judge(dialogues: Dialogues, block: DialogueChunk, tokens: list[list[int]], nll: np.ndarray) -> list[Answer]:
    """Responses and F1, in item order."""
    # the end token itself is kept, as ``generate`` does; decoding leaves it out where it is a special token
    own = [row[: next((place for place, token in enumerate(row, 1) if token in dialogues.ends), len(row))] for row in tokens]
    texts = dialogues.tokenizer.batch_decode(own, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    responses = {item: cut(text, dialogues.stop) for item, text in zip(block.order, texts, strict=True)}
    return [
        Answer(responses[item], unigram_f1(responses[item], block.references[item]), float(nll[item]), block.tokens[item])
        for item in range(len(block.order))
    ]
