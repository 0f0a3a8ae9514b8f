"""Sums, differences and products of whole numbers: ``37 + 5 = 42``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gap.core.random_stream import RandomStream
from gap.core.settings import Settings
from gap.generators import GENERATORS


class Arithmetic(Settings):
    """Two whole numbers, an operator and the result, most significant digit first (the "plain" format of Lee et al. 2023, arXiv 2307.03381)."""

    kind: Literal["arithmetic"]
    operators: Annotated[list[Literal["+", "-", "*"]], Field(min_length=1)] = Field(description="Operators, all equally likely.")
    digits: int = Field(
        ge=1, le=18, description="Digits of an operand at most: each lies below 10, 100 and so on, all these bounds equally likely."
    )

    @field_validator("operators")
    @classmethod
    def _check_operators(cls, operators: list[str]) -> list[str]:
        if len(set(operators)) < len(operators):
            raise ValueError(f"operators: each once; found {operators}")
        return operators


@GENERATORS.register(Arithmetic)
def arithmetic(settings: Arithmetic, stream: RandomStream) -> str:
    """One line: an equation; differences may be negative."""
    left, right = (stream.below(10 ** stream.between(1, settings.digits)) for _ in range(2))
    operator = stream.choice(settings.operators)
    result = {"+": left + right, "-": left - right, "*": left * right}[operator]
    return f"{left} {operator} {right} = {result}"
