"""A uniform soup: the plain average of the runs' weights (Wortsman et al. 2022, "Model soups", section 2)."""

from __future__ import annotations

from typing import Literal

from gap.core.settings import Settings
from gap.methods import COMBINATIONS


class Soup(Settings):
    """All runs of a corpus count the same."""

    kind: Literal["soup"]


@COMBINATIONS.register(Soup)
def soup(settings: Soup, runs: int) -> list[float]:
    """1 / runs each."""
    return [1.0 / runs] * runs
