"""Procedural text, one generator per module: lines that follow a rule and say nothing, the far end of out-of-distribution.

Language models have been pretrained on such text: balanced brackets, repeating a sequence and its set of symbols in
Shinnick et al. 2025 (arXiv 2505.22308) and Jiang et al. 2026 (arXiv 2601.21725); copying, reversing, sorting and sets
in Wu, Li and Liang 2022 (arXiv 2206.10139).  How a line is laid out here (symbols separated by spaces, ``|`` between what
is given and what follows from it) is our own choice.

A generator is a function ``(settings, stream) -> str`` that returns one line without its end.  It takes every choice from
``stream`` (``gap.core.random_stream``), so that a line depends on seed and settings alone.  ``kind: procedural`` in ``sources``
makes documents of such lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, field_validator, model_validator

from gap.core.registry import Registry
from gap.core.settings import Settings

#: (settings, ``gap.core.random_stream.RandomStream``) -> one line.
Generator = Callable[[Any, Any], str]

#: Stands between what is given and what follows from it.
BAR = "|"

GENERATORS: Registry[Generator] = Registry("gap.generators")


class Lengths(Settings):
    """Settings of a generator whose lines differ in length: every length from ``shortest`` to ``longest`` is equally likely."""

    shortest: int = Field(ge=1, description="Symbols of a sequence (pairs, for brackets) at least.")
    longest: int = Field(ge=1, description="Symbols of a sequence (pairs, for brackets) at most.")

    @model_validator(mode="after")
    def _check_lengths(self) -> Lengths:
        if self.longest < self.shortest:
            raise ValueError(f"longest: {self.longest} is less than shortest, {self.shortest}")
        return self


class Symbols(Lengths):
    """Settings of a generator of sequences of symbols."""

    alphabet: str = Field(min_length=2, description="The symbols: one character each, in their order; no white space, no '|'.")

    @field_validator("alphabet")
    @classmethod
    def _check_alphabet(cls, alphabet: str) -> str:
        wrong = sorted({symbol for symbol in alphabet if symbol.isspace() or not symbol.isprintable() or symbol == BAR})
        if wrong or len(set(alphabet)) < len(alphabet):
            raise ValueError(f"alphabet: symbols must be distinct and printable, without white space and {BAR!r}; found {alphabet!r}")
        return alphabet
