"""Sequences merged, sorted and cut into batches whose composition depends on their content alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
#: a forward pass counts as ``batch_tokens / OVERHEAD`` tokens: who allows large batches has a machine that likes few of them.
#: A CPU with packed weights multiplies few rows nearly as fast as many, and padding is what it pays for.
OVERHEAD = {"cpu": 32, "cuda": 8}
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
    """Right-padded rows of tokens and the predictions to read off them.

    ids: [rows, width]; rows: flat indices (row * width + place) of the places that predict something, [n], without
    repeats; pick: [t] index into ``rows``; target: [t] token looked up there; slot: [t] where its log-probability is added.
    tokens: how many of ``ids`` are no padding.  Rows are single sequences unless ``positions`` [rows, width] and ``mask``
    [rows, 1, width, width] (bool, which places a place sees) say otherwise.
    """

    ids: Tensor
    rows: Tensor
    pick: Tensor
    target: Tensor
    slot: tuple[int, ...]
    tokens: int
    positions: Tensor | None = None
    mask: Tensor | None = None


def work(batch: Batch) -> float:
    """About what its pass costs, in tokens: the head of a small model costs half as much as its layers do."""
    return batch.ids.numel() + len(batch.rows) / 2


@dataclass(frozen=True)
class ItemChunk:
    """The batches of one block of items; ``sizes`` are the numbers of slots of its items."""

    first: int
    sizes: tuple[int, ...]
    batches: tuple[Batch, ...]


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
    return tuple(make_batch(group, device) for group in grouped(merged, [len(ids) for ids, _ in merged], batch_tokens, device))


def grouped(things: Sequence[T], widths: Sequence[int], batch_tokens: int, device: str) -> list[list[T]]:
    """Consecutive groups with the least work: padded tokens, and for each group what a forward pass costs beside them.

    A group's count times its largest width stays within ``batch_tokens``, unless it is one thing alone.
    """
    each = batch_tokens // OVERHEAD.get(device, 8)
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
        sum(len(row) for row, _ in group),
    )
