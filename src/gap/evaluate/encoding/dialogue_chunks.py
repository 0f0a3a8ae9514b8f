"""Dialogues encoded once per job: prompts of similar length fed together, with the reference answers behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gap.evaluate.encoding.batches import Batch, ScoredSequence, make_batch, partition_by_width, plain_batches, scored_sequence
from gap.evaluate.encoding.item_chunks import item_chunks
from gap.models.pairs import encode_pairs
from gap.models.tokenizer import opening_id
from gap.params.evaluate import Evaluate
from gap.tasks.items import Dialogue


@dataclass(frozen=True)
class PromptBatch:
    """Prompts fed together, with the reference answers behind them.

    last: [rows] flat indices of the prompts' last tokens; query_positions: [n] those of all positions that predict something,
    ascending.
    """

    batch: Batch
    last: Tensor
    query_positions: Tensor


@dataclass(frozen=True)
class DialogueChunk:
    """A chunk of items, fed in groups of similar length and answered together.

    order: item (counted within the chunk) of each row; items: the chunk's; reference_tokens:
    number of tokens of each reference answer, by item; prompts: the groups; references_apart: reference answers whose context
    is cut elsewhere than the prompt is; prompt_lengths: [rows]; max_prompt_length: the largest of them.
    """

    order: tuple[int, ...]
    items: tuple[Dialogue, ...]
    reference_tokens: tuple[int, ...]
    prompts: tuple[PromptBatch, ...]
    references_apart: tuple[Batch, ...]
    prompt_lengths: Tensor
    max_prompt_length: int


def dialogue_chunks(
    items: Sequence[Dialogue], tokenizer: Any, settings: Evaluate, max_prompt_length: int, device: str
) -> tuple[DialogueChunk, ...]:
    """The dialogues, chunk by chunk.

    A prompt that is too long is cut from the left behind its opening token (the authors' tokenizer does so); the
    reference follows the prompt after a space, its context cut from the left as in multiple choice.  The authors' code
    encodes the reference by itself, so that another opening token stands before it; no published number depends on it.

    Raises
    ------
    BadInput: no opening token.
    """
    opening = opening_id(tokenizer)
    prompts = [(opening, *ids) for ids in tokenizer([item.prompt for item in items], add_special_tokens=False)["input_ids"]]
    references = encode_pairs(tokenizer, [(item.prompt, f" {item.reference}") for item in items])
    chunks = []
    for indices in item_chunks(items):
        scored_parts = [
            scored_sequence((opening, *context), reference, settings.max_length, slot)
            for slot, (context, reference) in enumerate(references[index] for index in indices)
        ]
        fed, apart = _sequences([prompts[index] for index in indices], scored_parts, max_prompt_length)
        scored = sorted([sequence for sequence in fed if sequence.targets] + apart, key=lambda sequence: sequence.slot)
        groups = partition_by_width(fed, [len(sequence.ids) for sequence in fed], settings.batch_tokens, device)
        chunk = DialogueChunk(
            order=tuple(sequence.slot for sequence in fed),
            items=tuple(items[index] for index in indices),
            reference_tokens=tuple(len(sequence.targets) for sequence in scored),
            prompts=tuple(_prompt_batch(group, device) for group in groups),
            references_apart=plain_batches(apart, settings.batch_tokens, device),
            prompt_lengths=torch.tensor([sequence.start + 1 for sequence in fed], device=device),
            max_prompt_length=fed[-1].start + 1,
        )
        chunks.append(chunk)
    return tuple(chunks)


def _sequences(
    prompts: Sequence[tuple[int, ...]], references: Sequence[ScoredSequence], max_prompt_length: int
) -> tuple[list[ScoredSequence], list[ScoredSequence]]:
    """The prompts in the order of their length, with their references where those have the same context; and references apart."""
    fed: list[ScoredSequence] = []
    apart: list[ScoredSequence] = []
    for slot, (prompt, reference) in enumerate(zip(prompts, references, strict=True)):
        excess = len(prompt) - max_prompt_length
        cut = prompt if excess <= 0 else (prompt[0], *prompt[excess + 1 :])
        if reference.ids == (*cut, *reference.targets[:-1]):
            fed.append(reference)
        else:
            fed.append(ScoredSequence(cut, len(cut) - 1, (), slot))
            apart.append(reference)
    return sorted(fed, key=lambda sequence: (sequence.start, sequence.ids)), apart


def _prompt_batch(group: Sequence[ScoredSequence], device: str) -> PromptBatch:
    batch = make_batch([(sequence.ids, [sequence]) for sequence in group], device)
    width = batch.ids.shape[1]
    last = torch.tensor([row * width + sequence.start for row, sequence in enumerate(group)], device=device)
    return PromptBatch(batch, last, torch.cat([batch.query_positions, last]).unique())
