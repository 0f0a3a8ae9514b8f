"""From a text to the token ids of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gap.core.errors import BadInput
from gap.params.jobs import RunId
from gap.params.methods import Gap

if TYPE_CHECKING:
    from torch import Tensor

#: What OPT puts in front of every text, and one token to predict.
LEAST = 2


def encode_text(tokenizer: Any, text: str, gap: Gap, positions: int | None = None) -> Tensor:
    """Token ids of a run, int64 [n]: the opening token, then the text, cut at ``gap.max_tokens`` in total.

    As in the authors' code the text goes through OPT's tokenizer, which puts ``</s>`` (id 2) in front; source and
    target are the same ids, so n - 1 of them are predicted.

    Parameters
    ----------
    positions: the longest sequence the model takes, where known.

    Raises
    ------
    BadInput: the text has no token, or more than the model has positions.
    """
    import torch

    ids = [tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False)][: gap.max_tokens]
    shown = repr(text if len(text) <= 40 else f"{text[:40]}...")
    if len(ids) < LEAST:
        raise BadInput(f"text {shown}", "no token", "a text of at least one token", "Remove the text from its corpus.")
    if positions is not None and len(ids) > positions:
        raise BadInput(
            f"text {shown}",
            f"{len(ids)} tokens",
            f"at most {positions}, the model's positions",
            f"Set gap.max_tokens to {positions} or less.",
        )
    return torch.tensor(ids, dtype=torch.int64)


def run_ids(tokenizer: Any, run: RunId, texts: Mapping[tuple[str, int], str], gap: Gap, positions: int | None = None) -> list[list[Tensor]]:
    """Token ids of all texts of a run, in the shape of ``RunId.texts``; ``texts`` maps (corpus, index) to the text.

    Raises
    ------
    BadInput: as ``encode_text``.
    """
    return [[encode_text(tokenizer, texts[run.corpus, index], gap, positions) for index in update] for update in run.texts]
