"""Layout of sequences as prefix trees (tries): a common prefix is fed once, and everything behind it sees it through a mask.

The continuations of an item share its context, so an item is a tree: its root is the context's first token, and each
continuation branches off at the position that it has in its own sequence.  A mask lets every token attend to its ancestors
and itself alone, which gives each branch the hidden states that it would have by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from gap.evaluate.encoding.batches import PADDING_ID, Batch, ScoredSequence, lookup_fields, partition_by_width

#: What a token costs in the linear layers, in pairs of query and key in the attention: 24 h^2 against 4 h operations per
#: layer, for a model about as wide as OPT 350M.
PAIRS_PER_TOKEN = 6 * 1024
#: Longest row, in tokens: a mask takes its square.
MAX_WIDTH = 1536
#: Longest row of sequences that share less than half of themselves: all of a task's items share their first token, and one
#: row of them all would be a pass that no other thread can take a part of.
MAX_WIDTH_UNRELATED = 256


@dataclass(frozen=True)
class PrefixTree:
    """Tokens in an order in which parents stand before children; ``parents`` holds -1 for a root.

    ``nodes[k]`` are, for the k-th of ``members``, the nodes that predict its targets.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    members: tuple[ScoredSequence, ...]
    nodes: tuple[tuple[int, ...], ...]


def group_by_prefix(sequences: Sequence[ScoredSequence]) -> list[PrefixTree]:
    """Trees that hold all sequences: neighbours in lexicographic order share a tree where that saves more than it costs.

    What it saves are the tokens they share, once; what it costs are the larger squares of the mask.
    """
    groups: list[list[ScoredSequence]] = []
    widths: list[int] = []
    previous: tuple[int, ...] = ()
    for sequence in sorted(sequences, key=lambda sequence: (sequence.ids, sequence.slot)):
        shared = common_prefix_length(previous, sequence.ids)
        new = len(sequence.ids) - shared
        previous = sequence.ids
        if groups:
            width = widths[-1]
            saved = shared * PAIRS_PER_TOKEN + len(sequence.ids) ** 2 + width**2
            allowed = MAX_WIDTH if 2 * shared >= len(sequence.ids) else MAX_WIDTH_UNRELATED
            if width + new <= allowed and (width + new) ** 2 <= saved:
                groups[-1].append(sequence)
                widths[-1] += new
                continue
        groups.append([sequence])
        widths.append(len(sequence.ids))
    return [build_trie(group) for group in groups]


def common_prefix_length(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the common prefix."""
    differing = (index for index, (first, second) in enumerate(zip(left, right, strict=False)) if first != second)
    return next(differing, min(len(left), len(right)))


def build_trie(group: Sequence[ScoredSequence]) -> PrefixTree:
    """The tree of sequences given in lexicographic order."""
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    nodes = []
    path: list[int] = []
    previous: tuple[int, ...] = ()
    for sequence in group:
        path = path[: common_prefix_length(previous, sequence.ids)]
        for token in sequence.ids[len(path) :]:
            parents.append(path[-1] if path else -1)
            depths.append(len(path))
            path.append(len(tokens))
            tokens.append(token)
        nodes.append(tuple(path[sequence.start : sequence.start + len(sequence.targets)]))
        previous = sequence.ids
    return PrefixTree(tuple(tokens), tuple(parents), tuple(depths), tuple(group), tuple(nodes))


def ancestor_mask(parents: Sequence[int], width: int) -> np.ndarray:
    """Boolean [width, width]: whether the column is an ancestor of the row, or the row itself; padding sees itself."""
    visible = np.eye(width, dtype=bool)
    for node, parent in enumerate(parents):
        if parent >= 0:
            visible[node] |= visible[parent]
    return visible


def tree_batches(sequences: Sequence[ScoredSequence], batch_tokens: int, device: str) -> tuple[Batch, ...]:
    """One tree per row: sorted by width (then by content) and cut into batches of at most ``batch_tokens`` padded tokens."""
    trees = sorted(group_by_prefix(sequences), key=lambda tree: (len(tree.tokens), tree.tokens))
    groups = partition_by_width(trees, [len(tree.tokens) for tree in trees], batch_tokens, device)
    return tuple(tree_batch(group, device) for group in groups)


def tree_batch(trees: Sequence[PrefixTree], device: str) -> Batch:
    """One tree per row, padded on the right."""
    width = max(len(tree.tokens) for tree in trees)
    ids = np.full((len(trees), width), PADDING_ID, dtype=np.int64)
    position_ids = np.zeros((len(trees), width), dtype=np.int64)
    mask = np.zeros((len(trees), 1, width, width), dtype=bool)
    lookups: list[tuple[int, int, int]] = []
    for row, tree in enumerate(trees):
        ids[row, : len(tree.tokens)], position_ids[row, : len(tree.tokens)] = tree.tokens, tree.depths
        mask[row, 0] = ancestor_mask(tree.parents, width)
        for member, nodes in zip(tree.members, tree.nodes, strict=True):
            lookups += [(row * width + node, target, member.slot) for node, target in zip(nodes, member.targets, strict=True)]
    return Batch(
        torch.from_numpy(ids).to(device),
        *lookup_fields(lookups, device),
        sum(len(tree.tokens) for tree in trees),
        torch.from_numpy(position_ids).to(device),
        torch.from_numpy(mask).to(device),
    )
