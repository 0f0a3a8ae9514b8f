"""Items that lm-eval's way of encoding scores differently.

The authors encode a continuation by itself.  lm-eval moves white space from the end of the context to the continuation,
encodes both together and calls continuation what lies behind the length of the context's own encoding.  Where a
continuation has no leading space (MathQA), or a context ends with one, the two can differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gap.tasks.items import MultipleChoice


@dataclass(frozen=True)
class Difference:
    """One continuation whose two encodings differ: (context, continuation) token ids the authors' way and lm-eval's."""

    item: int
    choice: int
    alone: tuple[tuple[int, ...], tuple[int, ...]]
    together: tuple[tuple[int, ...], tuple[int, ...]]


def together(context: str, continuation: str, tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Context and continuation ids as lm-eval 0.4 splits them, without special tokens."""
    stripped = context.rstrip()
    ids = tokenizer.encode(context + continuation, add_special_tokens=False)
    length = len(tokenizer.encode(stripped, add_special_tokens=False))
    return tuple(ids[:length]), tuple(ids[length:])


def boundary_differences(items: Sequence[MultipleChoice], tokenizer: Any) -> list[Difference]:
    """The continuations of ``items`` that lm-eval encodes differently, in order."""
    differences = []
    for index, item in enumerate(items):
        context = tuple(tokenizer.encode(item.context, add_special_tokens=False))
        for choice, continuation in enumerate(item.continuations):
            alone = (context, tuple(tokenizer.encode(continuation, add_special_tokens=False)))
            joint = together(item.context, continuation, tokenizer)
            if alone != joint:
                differences.append(Difference(index, choice, alone, joint))
    return differences
