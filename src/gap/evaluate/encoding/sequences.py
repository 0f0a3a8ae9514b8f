"""Texts as token ids, and the sequence behind a continuation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gap.core.errors import BadInput
from gap.evaluate.encoding.batches import ScoredSequence


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
