"""Sequences and their copies: ``k q a m | k q a m``."""

from __future__ import annotations

from typing import Literal

from gap.core.random_stream import RandomStream
from gap.generators import BAR, GENERATORS, Symbols


class Copy(Symbols):
    """A sequence of symbols, then the same sequence (task "copy" of Wu et al. 2022, "Identity" of Shinnick et al. 2025)."""

    kind: Literal["copy"]


@GENERATORS.register(Copy)
def copy(settings: Copy, stream: RandomStream) -> str:
    """One line: the sequence, a bar, the sequence."""
    sequence = [stream.choice(settings.alphabet) for _ in range(stream.between(settings.shortest, settings.longest))]
    return " ".join([*sequence, BAR, *sequence])
