"""Balanced brackets of several kinds up to a depth: ``( [ ] ( ) ) { }``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gap.core.random_stream import RandomStream
from gap.generators import GENERATORS, Lengths


class Brackets(Lengths):
    """Words of the Dyck language of ``k`` kinds of brackets, no deeper than ``depth`` (k-Dyck in Shinnick et al. 2025 and Jiang et al. 2026)."""

    kind: Literal["brackets"]
    brackets: Annotated[list[str], Field(min_length=1)] = Field(
        description="The kinds, all equally likely: each an opening and a closing character, e.g. '()'."
    )
    depth: int = Field(ge=1, description="Brackets open at one time at most.")

    @field_validator("brackets")
    @classmethod
    def _check_brackets(cls, brackets: list[str]) -> list[str]:
        symbols = "".join(brackets)
        plain = all(symbol.isprintable() and not symbol.isspace() for symbol in symbols)
        if not plain or any(len(pair) != 2 for pair in brackets) or len(set(symbols)) < len(symbols):
            raise ValueError(f"brackets: pairs of two printable characters, no character twice; found {brackets}")
        return brackets


@GENERATORS.register(Brackets)
def brackets(settings: Brackets, stream: RandomStream) -> str:
    """One line: a balanced word of ``shortest`` to ``longest`` pairs.

    Where both are possible, opening and closing are equally likely (which does not make all words so).
    """
    left = stream.between(settings.shortest, settings.longest)
    closing: list[str] = []
    word: list[str] = []
    while left or closing:
        if left and len(closing) < settings.depth and (not closing or stream.below(2)):
            pair = stream.choice(settings.brackets)
            word.append(pair[0])
            closing.append(pair[1])
            left -= 1
        else:
            word.append(closing.pop())
    return " ".join(word)
