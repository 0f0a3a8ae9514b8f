"""Detecting, on the device and for all rows at once, that a growing answer contains the text at which it will be cut.

The stop text is matched by an automaton whose state is the number of its characters that the answer ends with
(Knuth, Morris and Pratt 1977); one table look-up per token replaces decoding every answer at every step.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


def advance(state: int, text: str, stop: str) -> int:
    """State after reading ``text``: how many characters of ``stop`` its end matches; ``len(stop)`` is never left."""
    read = stop[:state] + text
    if stop in read:
        return len(stop)
    return next(length for length in range(len(stop) - 1, -1, -1) if read.endswith(stop[:length]))


def token_texts(tokenizer: Any, vocabulary: int) -> list[str]:
    """What each token adds to a text (special tokens add nothing; part of a character adds a replacement character)."""
    anchor = tokenizer.encode("a", add_special_tokens=False)[-1]
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    # behind another token: some decoders drop a leading space at the beginning of a text
    start = len(tokenizer.decode([anchor], **options))
    return [text[start:] for text in tokenizer.batch_decode([[anchor, token] for token in range(vocabulary)], **options)]


@lru_cache(maxsize=2)  # half a second for OPT's vocabulary, the same for every task and variant of a model
def stop_table(tokenizer: Any, vocabulary: int, ends: tuple[int, ...], device: str, stop: str) -> Tensor:
    """Next state by state and token, [len(stop) + 1, vocabulary]; ``ends`` (end of sequence) lead to the last state too."""
    table = torch.zeros(len(stop) + 1, vocabulary, dtype=torch.long)
    for token, text in enumerate(token_texts(tokenizer, vocabulary)):
        if not text:
            table[:, token] = torch.arange(len(stop) + 1)
        elif text[0] in stop or stop[0] in text:
            table[:, token] = torch.tensor([advance(state, text, stop) for state in range(len(stop) + 1)])
    table[:, list(ends)] = len(stop)
    table[len(stop)] = len(stop)
    return table.to(device)
