"""Items compiled once per job: token ids, what predicts what, and batches whose composition depends on content alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from gap.core.errors import BadInput
from gap.evaluate.blocks import blocks
from gap.tasks.items import MultipleChoice

T = TypeVar("T")
#: a forward pass counts as ``batch_tokens / OVERHEAD`` tokens: who allows large batches has a machine that likes few of them
OVERHEAD = 8
IGNORED = 1  # id under padding; nothing looks at it


@dataclass(frozen=True)
class Scored:
    """One sequence to feed and what is read off it.

    ``ids`` are fed; the prediction after position ``start + k`` is looked up for ``targets[k]``; the sum is the score of
    slot ``slot``.
    """

    ids: tuple[int, ...]
    start: int
    targets: tuple[int, ...]
    slot: int


@dataclass(frozen=True)
class Batch:
    """Right-padded sequences and the predictions to read off them.

    ids: [rows, width]; rows: flat indices (row * width + position) of the positions that predict something, [n], without
    repeats; pick: [t] index into ``rows``; target: [t] token looked up there; slot: [t] where its log-probability is added.
    """

    ids: Tensor
    rows: Tensor
    pick: Tensor
    target: Tensor
    slot: tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """The batches of one block of items; ``sizes`` are the numbers of slots of its items."""

    first: int
    sizes: tuple[int, ...]
    batches: tuple[Batch, ...]


def bos_id(tokenizer: Any) -> int:
    """The token that opens every context (OPT: ``</s>``, id 2).

    Raises
    ------
    BadInput: the tokenizer has none.
    """
    if tokenizer.bos_token_id is None:
        raise BadInput("tokenizer", "no bos_token", "a token that opens a context", "Name one in special_tokens_map.json.")
    return int(tokenizer.bos_token_id)


def encode(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text by itself, without special tokens."""
    return tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []


def scored_sequence(context: Sequence[int], continuation: Sequence[int], max_length: int, slot: int) -> Scored:
    """The sequence behind one continuation; ``context`` starts with the opening token.

    As the authors do it: what exceeds ``max_length`` tokens is cut from the left.  The last token predicts nothing that
    is looked up and is not fed.
    """
    kept = (*context, *continuation)[-max_length:]
    targets = tuple(continuation[-(len(kept) - 1) :])
    return Scored(kept[:-1], len(kept) - 1 - len(targets), targets, slot)


def compile_choices(items: Sequence[MultipleChoice], tokenizer: Any, max_length: int, batch_tokens: int, device: str) -> list[Block]:
    """Batches of multiple-choice items, block by block; slots count the continuations of a block's items in order.

    Raises
    ------
    BadInput: no opening token, or a continuation without tokens.
    """
    opening = bos_id(tokenizer)
    contexts = encode(tokenizer, [item.context for item in items])
    continuations = iter(encode(tokenizer, [text for item in items for text in item.continuations]))
    compiled = []
    for places in blocks(items):
        sizes = tuple(len(items[place].continuations) for place in places)
        sequences: list[Scored] = []
        for place, size in zip(places, sizes, strict=True):
            for _ in range(size):
                continuation = next(continuations)
                if not continuation:
                    raise BadInput(f"item {place}", "a continuation without tokens", "at least one token", "Remove the item.")
                sequences.append(scored_sequence([opening, *contexts[place]], continuation, max_length, len(sequences)))
        compiled.append(Block(places[0], sizes, pack(sequences, batch_tokens, device)))
    return compiled


def pack(sequences: Sequence[Scored], batch_tokens: int, device: str) -> tuple[Batch, ...]:
    """Merge, sort by length (then by content) and cut into batches of at most ``batch_tokens`` padded tokens.

    A sequence that is the beginning of another is read off that one: nothing behind a position changes what it
    predicts.  So equal contexts with one-token continuations (PubMedQA) are fed once.
    """
    merged: list[tuple[tuple[int, ...], list[Scored]]] = []
    # in this order a sequence directly follows the longest one that begins with it
    for sequence in sorted(sequences, key=lambda one: one.ids, reverse=True):
        if merged and merged[-1][0][: len(sequence.ids)] == sequence.ids:
            merged[-1][1].append(sequence)
        else:
            merged.append((sequence.ids, [sequence]))
    merged.sort(key=lambda one: (len(one[0]), one[0]))
    return tuple(make_batch(group, device) for group in grouped(merged, [len(ids) for ids, _ in merged], batch_tokens))


def grouped(things: Sequence[T], widths: Sequence[int], batch_tokens: int) -> list[list[T]]:
    """Consecutive groups with the least work: padded tokens, and for each group what a forward pass costs beside them.

    A group's count times its largest width stays within ``batch_tokens``, unless it is one thing alone.
    """
    each = batch_tokens // OVERHEAD
    # best[end]: least work for the first ``end`` things, and where their last group begins
    best: list[tuple[int, int]] = [(0, 0)]
    for end in range(1, len(things) + 1):
        width, found = 0, (-1, -1)
        for begin in range(end - 1, -1, -1):
            width = max(width, widths[begin])
            size = (end - begin) * width
            if size > batch_tokens and begin < end - 1:
                break
            work = best[begin][0] + size + each
            if found[1] < 0 or work < found[0]:
                found = (work, begin)
        best.append(found)
    groups: list[list[T]] = []
    end = len(things)
    while end:
        begin = best[end][1]
        groups.insert(0, list(things[begin:end]))
        end = begin
    return groups


def padded(rows: Sequence[Sequence[int]], device: str) -> Tensor:
    """Token ids [rows, longest], padded on the right."""
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[IGNORED] * (width - len(row))] for row in rows], dtype=torch.long, device=device)


def make_batch(group: Sequence[tuple[tuple[int, ...], list[Scored]]], device: str) -> Batch:
    """The batch of fed sequences, each with those that are read off it."""
    ids = padded([row for row, _ in group], device)
    width = ids.shape[1]
    flat: list[int] = []
    target: list[int] = []
    slot: list[int] = []
    for number, (_, sequences) in enumerate(group):
        for sequence in sorted(sequences, key=lambda one: one.slot):
            flat += [number * width + sequence.start + step for step in range(len(sequence.targets))]
            target += sequence.targets
            slot += [sequence.slot] * len(sequence.targets)
    rows = sorted(set(flat))
    place = {row: index for index, row in enumerate(rows)}
    return Batch(
        ids,
        torch.tensor(rows, dtype=torch.long, device=device),
        torch.tensor([place[row] for row in flat], dtype=torch.long, device=device),
        torch.tensor(target, dtype=torch.long, device=device),
        tuple(slot),
    )
