"""The sequence that scores a continuation."""

from __future__ import annotations

from collections.abc import Sequence

from gap.evaluate.encoding.batches import ScoredSequence


def scored_sequence(context: Sequence[int], continuation: Sequence[int], max_length: int, slot: int) -> ScoredSequence:
    """The sequence that scores a continuation; ``context`` starts with the opening token.

    As the authors do it: what exceeds ``max_length`` tokens is cut from the left.  The last token predicts nothing that
    is looked up and is not fed.
    """
    ids = (*context, *continuation)[-max_length:]
    targets = tuple(continuation[-(len(ids) - 1) :])
    return ScoredSequence(ids[:-1], len(ids) - 1 - len(targets), targets, slot)
