"""Layout of sequences as trees: a common beginning is fed once, everything behind it sees it through a mask.

The continuations of an item share its context, so an item is a tree: the context is its trunk, each continuation a branch
at the depth (position) it has in its own sequence.  A mask lets every token see its ancestors and itself alone, which
gives each branch the features it would have by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from gap.evaluate.encoding.batches import IGNORED, Batch, Scored, grouped

#: What a token costs in the linear layers, in visits of one token to another in the attention: 24 h^2 against 4 h
#: operations per layer, for a model about as wide as OPT 350M.
VISITS = 6 * 1024
#: Longest row, in tokens: a mask takes its square.
WIDEST = 1536
#: Longest row of sequences that share less than half of themselves: all of a task's items share their first token, and one
#: row of them all would be a pass that nothing can share out.
LOOSE = 256


@dataclass(frozen=True)
class Tree:
    """Tokens in an order in which parents stand before children; ``parents`` holds -1 for a root.

    ``nodes[k]`` are, for the k-th of ``members``, the nodes its targets are predicted from.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    members: tuple[Scored, ...]
    nodes: tuple[tuple[int, ...], ...]


def group_by_prefix(sequences: Sequence[Scored]) -> list[Tree]:
    """Trees that hold all sequences: neighbours in lexicographic order grow together where that saves more than it costs.

    What it saves are the tokens they share, once; what it costs are the larger squares of the mask.
    """
    groups: list[list[Scored]] = []
    widths: list[int] = []
    before: tuple[int, ...] = ()
    for sequence in sorted(sequences, key=lambda one: (one.ids, one.slot)):
        shared = common_prefix_length(before, sequence.ids)
        new = len(sequence.ids) - shared
        if groups:
            width = widths[-1]
            saved = shared * VISITS + len(sequence.ids) ** 2 + width**2
            widest = WIDEST if 2 * shared >= len(sequence.ids) else LOOSE
            if width + new <= widest and (width + new) ** 2 <= saved:
                groups[-1].append(sequence)
                widths[-1] += new
                before = sequence.ids
                continue
        groups.append([sequence])
        widths.append(len(sequence.ids))
        before = sequence.ids
    return [build_trie(group) for group in groups]


def common_prefix_length(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the common beginning."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def build_trie(group: Sequence[Scored]) -> Tree:
    """The tree of sequences given in lexicographic order."""
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    nodes = []
    path: list[int] = []
    before: tuple[int, ...] = ()
    for sequence in group:
        path = path[: common_prefix_length(before, sequence.ids)]
        for token in sequence.ids[len(path) :]:
            parents.append(path[-1] if path else -1)
            depths.append(len(path))
            path.append(len(tokens))
            tokens.append(token)
        nodes.append(tuple(path[sequence.start : sequence.start + len(sequence.targets)]))
        before = sequence.ids
    return Tree(tuple(tokens), tuple(parents), tuple(depths), tuple(group), tuple(nodes))


def ancestors(parents: Sequence[int], width: int) -> np.ndarray:
    """Boolean [width, width]: whether the column is an ancestor of the row, or the row itself; padding sees itself."""
    seen = np.eye(width, dtype=bool)
    for node, parent in enumerate(parents):
        if parent >= 0:
            seen[node] |= seen[parent]
    return seen


def tree_batches(sequences: Sequence[Scored], batch_tokens: int, device: str) -> tuple[Batch, ...]:
    """The sequences' trees, sorted by width (then by content) and cut into batches of at most ``batch_tokens`` padded tokens."""
    trees = sorted(group_by_prefix(sequences), key=lambda tree: (len(tree.tokens), tree.tokens))
    return tuple(tree_batch(group, device) for group in grouped(trees, [len(tree.tokens) for tree in trees], batch_tokens, device))


def tree_batch(trees: Sequence[Tree], device: str) -> Batch:
    """One tree per row, padded on the right."""
    width = max(len(tree.tokens) for tree in trees)
    ids = np.full((len(trees), width), IGNORED, dtype=np.int64)
    positions = np.zeros((len(trees), width), dtype=np.int64)
    mask = np.zeros((len(trees), 1, width, width), dtype=bool)
    looked: list[tuple[int, int, int]] = []
    for row, tree in enumerate(trees):
        ids[row, : len(tree.tokens)], positions[row, : len(tree.tokens)] = tree.tokens, tree.depths
        mask[row, 0] = ancestors(tree.parents, width)
        for member, nodes in zip(tree.members, tree.nodes, strict=True):
            looked += [(row * width + node, target, member.slot) for node, target in zip(nodes, member.targets, strict=True)]
    flat = [place for place, _, _ in looked]
    rows = sorted(set(flat))
    index = {row: place for place, row in enumerate(rows)}
    return Batch(
        torch.from_numpy(ids).to(device),
        torch.tensor(rows, dtype=torch.long, device=device),
        torch.tensor([index[row] for row in flat], dtype=torch.long, device=device),
        torch.tensor([target for _, target, _ in looked], dtype=torch.long, device=device),
        tuple(slot for *_, slot in looked),
        sum(len(tree.tokens) for tree in trees),
        torch.from_numpy(positions).to(device),
        torch.from_numpy(mask).to(device),
    )
