"""Multiple-choice items encoded once per job: token ids, what predicts what, and batches that depend on content alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from gap.core.errors import BadInput
from gap.evaluate.encoding.batches import ItemChunk, ScoredSequence, plain_batches, scored_sequence
from gap.evaluate.encoding.item_chunks import item_chunks
from gap.evaluate.encoding.prefix_tree import tree_batches
from gap.models.pairs import encode_pairs
from gap.models.tokenizer import opening_id
from gap.tasks.items import MultipleChoice

#: How an item's continuations are laid out: each behind its own copy of the context, or all behind one.
Layout = Literal["plain", "tree"]
LAYOUTS = {"plain": plain_batches, "tree": tree_batches}


def encode_items(
    items: Sequence[MultipleChoice], tokenizer: Any, max_length: int, batch_tokens: int, device: str, layout: Layout = "tree"
) -> list[ItemChunk]:
    """Batches of multiple-choice items, chunk by chunk; slots count the continuations of a chunk's items in order.

    Parameters
    ----------
    max_length: tokens of a context with its continuation at most; more are cut from the left.
    batch_tokens: tokens per forward pass at most, padding included.

    Raises
    ------
    BadInput: no opening token, or a continuation without tokens.
    """
    opening = opening_id(tokenizer)
    pairs = iter(encode_pairs(tokenizer, [(item.context, text) for item in items for text in item.continuations]))
    chunks = []
    for indices in item_chunks(items):
        sizes = tuple(len(items[index].continuations) for index in indices)
        sequences: list[ScoredSequence] = []
        for index, size in zip(indices, sizes, strict=True):
            for _ in range(size):
                context, continuation = next(pairs)
                if not continuation:
                    raise BadInput(f"item {index}", "a continuation without tokens", "at least one token", "Remove the item.")
                sequences.append(scored_sequence([opening, *context], continuation, max_length, len(sequences)))
        chunks.append(ItemChunk(sizes, LAYOUTS[layout](sequences, batch_tokens, device)))
    return chunks
