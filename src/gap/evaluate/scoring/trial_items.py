"""The items on which a fast path is tried, and how far their log-probabilities may move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from gap.models.equivalence import Tolerance

T = TypeVar("T")
#: Items to try, and the allowed difference of a log-probability (nats) from the plain path in fp32.
TRIAL_ITEMS = 4
TOLERANCE = Tolerance(absolute=1e-3, relative=1e-5)


def trial_items(items: Sequence[T], count: int, length: Callable[[T], int]) -> list[T]:
    """At most ``count`` of the items, in their order: half of them the longest, because a window of attention shows there alone."""
    longest = sorted(range(len(items)), key=lambda index: -length(items[index]))[: count // 2]
    first = [index for index in range(len(items)) if index not in longest][: count - len(longest)]
    return [items[index] for index in sorted([*longest, *first])]
