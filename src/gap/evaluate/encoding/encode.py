"""Texts as token ids; multiple-choice items encoded once per job: what predicts what, and batches that depend on content alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from gap.core.errors import BadInput
from gap.evaluate.encoding.batches import ItemChunk, ScoredSequence, plain_batches
from gap.evaluate.encoding.item_chunks import item_chunks
from gap.evaluate.encoding.prefix_tree import tree_batches
from gap.tasks.items import MultipleChoice

#: How an item's continuations are laid out: each behind its own copy of the context, or all behind one.
Layout = Literal["plain", "tree"]
LAYOUTS = {"plain": plain_batches, "tree": tree_batches}


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


def scored_sequence(context: Sequence[int], continuation: Sequence[int], max_length: int, slot: int) -> ScoredSequence:
    """The sequence that scores a continuation; ``context`` starts with the opening token.

    As the authors do it: what exceeds ``max_length`` tokens is cut from the left.  The last token predicts nothing that
    is looked up and is not fed.
    """
    ids = (*context, *continuation)[-max_length:]
    targets = tuple(continuation[-(len(ids) - 1) :])
    return ScoredSequence(ids[:-1], len(ids) - 1 - len(targets), targets, slot)


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
    opening = bos_id(tokenizer)
    contexts = encode(tokenizer, [item.context for item in items])
    continuations = iter(encode(tokenizer, [text for item in items for text in item.continuations]))
    chunks = []
    for indices in item_chunks(items):
        sizes = tuple(len(items[index].continuations) for index in indices)
        sequences: list[ScoredSequence] = []
        for index, size in zip(indices, sizes, strict=True):
            for _ in range(size):
                continuation = next(continuations)
                if not continuation:
                    raise BadInput(f"item {index}", "a continuation without tokens", "at least one token", "Remove the item.")
                sequences.append(scored_sequence([opening, *contexts[index]], continuation, max_length, len(sequences)))
        chunks.append(ItemChunk(sizes, LAYOUTS[layout](sequences, batch_tokens, device)))
    return chunks
