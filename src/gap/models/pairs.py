"""A context and what continues it, as token ids.

The authors encode a continuation by itself.  lm-eval moves white space from the end of the context to the continuation,
encodes both together and calls continuation what lies behind the length of the context's own encoding.  Where a
continuation has no leading space (MathQA), or a context ends with one, the two can differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Beginnings and ends of texts by which a tokenizer shows how it spells an end by itself.
PROBES = (("x", " y"), ("x y", " z"), ("x:", " 1"), ("x", "y"), ("x", ", y"))


def spells_alike(tokenizer: Any) -> bool:
    """Whether a text that is encoded in two parts still reads as it did.

    SentencePiece tokenizers put a space in front of every text, hence of a part too: ``x`` and `` y`` then read ``x  y``.
    """

    def ids(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False))

    def read(tokens: list[int]) -> str:
        return str(tokenizer.decode(tokens, clean_up_tokenization_spaces=False))

    return all(read(ids(start) + ids(end)) == read(ids(start + end)) for start, end in PROBES)


def encode_pairs(tokenizer: Any, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
    """Token ids of contexts and of what continues them, without special tokens.

    As the authors do it, each part is encoded by itself, where the tokenizer reads the same so (``spells_alike``).  Else both are
    encoded together and cut as lm-eval cuts them, so that no token stands between them that the text does not have.
    """
    if not pairs:
        return []
    if spells_alike(tokenizer):
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        ids = dict(zip(texts, tokenizer(texts, add_special_tokens=False)["input_ids"], strict=True))
        return [(ids[context], ids[continuation]) for context, continuation in pairs]
    return [(list(first), list(second)) for first, second in (together(*pair, tokenizer) for pair in pairs)]


def together(context: str, continuation: str, tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Context and continuation ids as lm-eval 0.4 splits them, without special tokens."""
    stripped = context.rstrip()
    ids = tokenizer.encode(context + continuation, add_special_tokens=False)
    length = len(tokenizer.encode(stripped, add_special_tokens=False))
    return tuple(ids[:length]), tuple(ids[length:])
