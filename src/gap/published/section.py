"""What one analysis returns: numbers, sentences made from them, tables and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.figures.style import Stamp
from gap.figures.table import Table
from gap.stats.bootstrap import Bootstrap


@dataclass(frozen=True, kw_only=True)
class Sampling(Bootstrap):
    """The study's random numbers: its bootstrap (``gap.stats.bootstrap``), and ``simulations`` of runs under no effect."""

    simulations: int


@dataclass(frozen=True)
class FigureFile:
    """Where a figure is written: ``folder``/``name``.pdf and ``folder``/``name``.png, with ``stamp`` at its foot."""

    stamp: Stamp
    folder: Path
    name: str


@dataclass(frozen=True)
class Figure:
    """A figure of a section; ``draw`` writes it."""

    name: str
    title: str
    caption: str
    draw: Callable[[FigureFile], None]


@dataclass(frozen=True)
class Section:
    """One section of the page.

    ``numbers`` is a nested mapping of plain numbers, strings and lists (JSON); every number in ``sentences`` and captions
    is formatted from the same values.  ``sentences`` are plain text; each stands as a paragraph of its own.
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    numbers: dict[str, Any]
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
