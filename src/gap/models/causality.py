"""What every stage takes for granted of a model: nothing behind a position changes what it predicts, and positions count from 0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from gap.core.errors import BadInput
from gap.models.equivalence import LOGITS_TOLERANCE, UNSUITED, describe_error, prove_equivalent
from gap.models.sharding import without_gradients

#: Width of the two rows that a model is tried on, and of their beginnings.
WIDTH, BEGINNING = 7, 4


def trial_ids(model: Any, width: int) -> Tensor:
    """Two rows of token ids from all over the vocabulary, [2, width]."""
    return (torch.arange(2 * width, device=model.device) * 7919 % model.config.vocab_size).reshape(2, width)


@without_gradients()
def check_causal(model: Any, name: str) -> None:
    """Try ``model`` (in eval mode) on a few tokens; ``name`` is that of the error.

    Raises
    ------
    BadInput: it looks ahead, its position ids do not count from 0 (RoBERTa's begin behind its padding id), or it does not run.
    """
    ids = trial_ids(model, WIDTH)
    positions = torch.arange(WIDTH, device=ids.device)[None]
    cure = "Name a causal language model: a decoder that predicts the next token."
    try:
        with _any_kernel():
            own = model(input_ids=ids, use_cache=False).logits.float()
            beginning = model(input_ids=ids[:, :BEGINNING], use_cache=False).logits.float()
            counted = model(input_ids=ids, position_ids=positions, use_cache=False).logits.float()
    except UNSUITED as error:
        raise BadInput(name, f"a model that does not run ({describe_error(error)})", "one that takes token ids", cure) from error
    for other, found in (
        (beginning, "a model that looks ahead: tokens behind a position change what it predicts"),
        (counted, "a model whose positions do not count from 0"),
    ):
        if prove_equivalent(own[:, : other.shape[1]], other, LOGITS_TOLERANCE):
            raise BadInput(name, found, "a causal language model with positions 0, 1, 2, ...", cure)


@contextmanager
def _any_kernel() -> Iterator[None]:
    """Kernels without a deterministic form too: some models count positions by a sum of ones."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
