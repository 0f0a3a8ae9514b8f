"""Sequences and the sorted set of their symbols: ``m a q a m | a m q``."""

from __future__ import annotations

from typing import Literal

from gap.core.random_stream import RandomStream
from gap.generators import BAR, GENERATORS, Symbols


class SortedSets(Symbols):
    """A sequence of symbols, then each of them once in the order of the alphabet (tasks "set" and "sort" of Wu et al. 2022 in one)."""

    kind: Literal["sorted_sets"]


@GENERATORS.register(SortedSets)
def sorted_sets(settings: SortedSets, stream: RandomStream) -> str:
    """One line: the sequence, a bar, its distinct symbols in order."""
    sequence = [stream.choice(settings.alphabet) for _ in range(stream.between(settings.shortest, settings.longest))]
    return " ".join([*sequence, BAR, *sorted(set(sequence), key=settings.alphabet.index)])
