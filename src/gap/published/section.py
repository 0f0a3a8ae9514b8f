"""What one analysis hands over: numbers, sentences made from them, tables and drawings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.figures.style import Stamp
from gap.figures.table import Table


@dataclass(frozen=True)
class Settings:
    """How the analyses draw: ``seed``; bootstrap ``resamples``; ``simulations`` of the null; ``level`` of intervals (0.95)."""

    seed: int
    resamples: int
    simulations: int
    level: float = 0.95


@dataclass(frozen=True)
class Drawing:
    """A figure: ``draw(stamp, folder, name)`` writes ``name``.pdf and ``name``.png into ``folder``."""

    name: str
    title: str
    caption: str
    draw: Callable[[Stamp, Path, str], None]


@dataclass(frozen=True)
class Section:
    """One part of the page.

    ``numbers`` is a nested mapping of plain numbers, strings and lists (JSON); every number in ``sentences`` and captions
    is formatted from the same values.  ``sentences`` are plain text; each stands as a paragraph of its own.
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    numbers: dict[str, Any]
    tables: tuple[Table, ...] = ()
    drawings: tuple[Drawing, ...] = ()
