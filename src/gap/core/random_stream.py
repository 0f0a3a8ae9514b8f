"""Random choices that are the same on every machine and in every Python."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Option = TypeVar("Option")


class RandomStream:
    """A stream of choices that depends on ``key`` alone: SHA-256 of the key and a counter.

    ``random.Random`` promises the same sequence in later Pythons for ``random()`` only; what ``choice``, ``randint`` or
    ``shuffle`` make of it may change, so corpora must not hang on them.
    """

    def __init__(self, *key: object) -> None:
        self._key = hashlib.sha256("\x1f".join(map(str, key)).encode("utf-8", "surrogatepass")).digest()
        self._count = 0

    def below(self, limit: int) -> int:
        """A whole number from 0 to ``limit - 1``; ``limit`` is at most 2**63 (the odds are even to within limit / 2**64).

        Raises
        ------
        ValueError: there is no such number, or the limit is too large.
        """
        if not 1 <= limit <= 2**63:
            raise ValueError(f"a limit from 1 to 2**63, not {limit}")
        block = hashlib.sha256(self._key + self._count.to_bytes(8)).digest()
        self._count += 1
        return int.from_bytes(block[:8]) * limit >> 64

    def between(self, first: int, last: int) -> int:
        """A whole number from ``first`` to ``last``, both included."""
        return first + self.below(last - first + 1)

    def choice(self, options: Sequence[Option]) -> Option:
        """One of the options."""
        return options[self.below(len(options))]
