"""Sequences merged, sorted and cut into batches whose composition depends on their content alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
#: A forward pass counts as ``batch_tokens / PASS_COST`` tokens: a machine for which large batches are allowed gains from few passes.
#: A CPU with packed weights multiplies few rows nearly as fast as many, and padding is what costs it time.
PASS_COST = {"cpu": 32, "cuda": 8}
PADDING_ID = 1  # any id does: no prediction depends on it


@dataclass(frozen=True)
class ScoredSequence:
    """A sequence to feed and the tokens whose log-probability is read off it.

    ``ids`` are fed; the prediction after position ``start + k`` is looked up for ``targets[k]``; their sum is added to the
    score of slot ``slot``.
    """

    ids: tuple[int, ...]
    start: int
    targets: tuple[int, ...]
    slot: int


def scored_sequence(context: Sequence[int], continuation: Sequence[int], max_length: int, slot: int) -> ScoredSequence:
    """The sequence that scores a continuation; ``context`` starts with the opening token.

    As the authors do it: what exceeds ``max_length`` tokens is cut from the left.  The last token predicts nothing that
    is looked up and is not fed.
    """
    ids = (*context, *continuation)[-max_length:]
    targets = tuple(continuation[-(len(ids) - 1) :])
    return ScoredSequence(ids[:-1], len(ids) - 1 - len(targets), targets, slot)


@dataclass(frozen=True)
class Batch:
    """Right-padded rows of tokens and the predictions to read off them.

    ids: [rows, width]; query_positions: [n] flat indices (row * width + column) of the positions that predict something,
    ascending, without repeats; query_index: [t] index into ``query_positions``; targets: [t] token looked up there; slots: [t]
    slot that its log-probability is added to; num_tokens: how many of ``ids`` are not padding.  Rows are single sequences
    unless ``position_ids`` [rows, width] and ``attention_mask`` [rows, 1, width, width] (bool, True where the query of the
    third axis sees the key of the fourth) say otherwise.
    """

    ids: Tensor
    query_positions: Tensor
    query_index: Tensor
    targets: Tensor
    slots: tuple[int, ...]
    num_tokens: int
    position_ids: Tensor | None = None
    attention_mask: Tensor | None = None


def batch_cost(batch: Batch) -> float:
    """About what its forward pass costs, in tokens: the head of a small model costs half as much as its layers do."""
    return batch.ids.numel() + len(batch.query_positions) / 2


@dataclass(frozen=True)
class ItemChunk:
    """The batches of a chunk of items; ``sizes`` are the numbers of slots of its items."""

    sizes: tuple[int, ...]
    batches: tuple[Batch, ...]


def plain_batches(sequences: Sequence[ScoredSequence], batch_tokens: int, device: str) -> tuple[Batch, ...]:
    """One sequence per row: merged, sorted by length (then by content) and cut into batches of at most ``batch_tokens`` padded tokens.

    A sequence that is a prefix of another is read off that one: nothing behind a position changes what it predicts.
    So equal contexts with one-token continuations (PubMedQA) are fed once.
    """
    merged: list[tuple[tuple[int, ...], list[ScoredSequence]]] = []
    # in this order a sequence directly follows the longest one that it is a prefix of
    for sequence in sorted(sequences, key=lambda sequence: sequence.ids, reverse=True):
        if merged and merged[-1][0][: len(sequence.ids)] == sequence.ids:
            merged[-1][1].append(sequence)
        else:
            merged.append((sequence.ids, [sequence]))
    merged.sort(key=lambda row: (len(row[0]), row[0]))
    groups = partition_by_width(merged, [len(ids) for ids, _ in merged], batch_tokens, device)
    return tuple(make_batch(group, device) for group in groups)


def partition_by_width(rows: Sequence[T], widths: Sequence[int], batch_tokens: int, device: str) -> list[list[T]]:
    """Consecutive groups with the least cost: padded tokens, and for each group what a forward pass costs beside them.

    A group's count times its largest width stays within ``batch_tokens``, unless the group is a single row.
    """
    pass_cost = batch_tokens // PASS_COST.get(device, 8)
    # best[end]: least cost of the first ``end`` rows, and the index at which their last group begins
    best: list[tuple[int, int]] = [(0, 0)]
    for end in range(1, len(rows) + 1):
        width, cheapest = 0, (-1, -1)
        for begin in range(end - 1, -1, -1):
            width = max(width, widths[begin])
            size = (end - begin) * width
            if size > batch_tokens and begin < end - 1:
                break
            cost = best[begin][0] + size + pass_cost
            if cheapest[1] < 0 or cost < cheapest[0]:
                cheapest = (cost, begin)
        best.append(cheapest)
    groups: list[list[T]] = []
    end = len(rows)
    while end:
        begin = best[end][1]
        groups.insert(0, list(rows[begin:end]))
        end = begin
    return groups


def make_batch(group: Sequence[tuple[tuple[int, ...], list[ScoredSequence]]], device: str) -> Batch:
    """The batch of fed token ids, each row with the sequences that are read off it."""
    width = max(len(ids) for ids, _ in group)
    padded = [[*ids, *[PADDING_ID] * (width - len(ids))] for ids, _ in group]
    lookups: list[tuple[int, int, int]] = []
    for row, (_, sequences) in enumerate(group):
        for sequence in sorted(sequences, key=lambda sequence: sequence.slot):
            first = row * width + sequence.start
            lookups += [(first + step, target, sequence.slot) for step, target in enumerate(sequence.targets)]
    return Batch(torch.tensor(padded, dtype=torch.long, device=device), *lookup_fields(lookups, device), sum(len(ids) for ids, _ in group))


def lookup_fields(lookups: Sequence[tuple[int, int, int]], device: str) -> tuple[Tensor, Tensor, Tensor, tuple[int, ...]]:
    """Fields query_positions, query_index, targets and slots of a batch, from (flat position, target, slot) of each prediction."""
    positions = sorted({position for position, _, _ in lookups})
    index = {position: number for number, position in enumerate(positions)}
    columns = positions, [index[position] for position, _, _ in lookups], [target for _, target, _ in lookups]
    query_positions, query_index, targets = (torch.tensor(column, dtype=torch.long, device=device) for column in columns)
    return query_positions, query_index, targets, tuple(slot for _, _, slot in lookups)
