"""Chunks of items: what is scored together, whatever else a job holds.

The last bits of a score depend on what shares its batches.  A chunk is a fixed number of items in file order and a batch
never spans chunks, so the scores of a complete chunk do not depend on how many items follow, and can be reused bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from gap.tasks.items import Dialogue, Item

#: Items per chunk.  Dialogues are answered token by token, at nearly the same cost for many rows as for few.
CHOICE_CHUNK = 32
DIALOGUE_CHUNK = 64


def chunk_size(items: Sequence[Item]) -> int:
    """Items per chunk of a task with these items."""
    return DIALOGUE_CHUNK if isinstance(items[0], Dialogue) else CHOICE_CHUNK


def item_chunks(items: Sequence[Item]) -> list[range]:
    """Item indices of each chunk; the last chunk may be shorter."""
    size = chunk_size(items)
    return [range(first, min(first + size, len(items))) for first in range(0, len(items), size)]
