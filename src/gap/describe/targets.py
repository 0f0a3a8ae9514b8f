"""A task's items as token sequences whose ends are to be predicted: the right continuation, or the answer that was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gap.core.errors import BadInput
from gap.tasks.items import Item, MultipleChoice


@dataclass(frozen=True)
class Target:
    """Token ids, and how many of them, counted from the end, are predicted."""

    ids: tuple[int, ...]
    predicted: int


def targets(items: Sequence[Item], tokenizer: Any, max_length: int) -> list[Target]:
    """The opening token, each item's context and its gold continuation, encoded apart as scoring does (``gap.evaluate.encoding.sequences``).

    Of dialogues: the prompt and the reference answer behind a space.  What exceeds ``max_length`` tokens is cut from the left.

    Raises
    ------
    BadInput: a continuation without tokens.
    """
    pairs = [_pair(item) for item in items]
    contexts = tokenizer([context for context, _ in pairs], add_special_tokens=False)["input_ids"]
    answers = tokenizer([answer for _, answer in pairs], add_special_tokens=False)["input_ids"]
    sequences: list[Target] = []
    for index, (context, answer) in enumerate(zip(contexts, answers, strict=True)):
        if not answer:
            raise BadInput(f"item {index}", "a continuation without tokens", "at least one token", "Remove the item.")
        ids = (tokenizer.bos_token_id, *context, *answer)[-max_length:]
        sequences.append(Target(ids, min(len(answer), len(ids) - 1)))
    return sequences


def _pair(item: Item) -> tuple[str, str]:
    if isinstance(item, MultipleChoice):
        return item.context, item.continuations[item.gold]
    return item.prompt, f" {item.reference}"
