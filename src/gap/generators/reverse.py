"""Sequences and what they are backwards: ``k q a m | m a q k``."""

from __future__ import annotations

from typing import Literal

from gap.core.random_stream import RandomStream
from gap.generators import BAR, GENERATORS, Symbols


class Reverse(Symbols):
    """A sequence of symbols, then the same from its end (task "reverse" of Wu et al. 2022)."""

    kind: Literal["reverse"]


@GENERATORS.register(Reverse)
def reverse(settings: Reverse, stream: RandomStream) -> str:
    """One line: the sequence, a bar, the sequence backwards."""
    sequence = [stream.choice(settings.alphabet) for _ in range(stream.between(settings.shortest, settings.longest))]
    return " ".join([*sequence, BAR, *sequence[::-1]])
