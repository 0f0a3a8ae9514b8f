"""What one analysis returns: numbers, sentences made from them, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Drawing

from gap.figures.style import Grid, Stamp, drawing, save
from gap.figures.table import Cell, Table
from gap.published.wording import span
from gap.stats.bootstrap import Bootstrap

Row = tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Sampling(Bootstrap):
    """The study's random numbers: its bootstrap (``gap.stats.bootstrap``), and ``simulations`` of runs under no effect."""

    simulations: int

    @property
    def percent(self) -> str:
        """The level of the intervals, such as "95 %"."""
        return f"{self.level * 100:g} %"

    def within(self, row: dict[str, Any], key: str, write: Callable[[float], str]) -> str:
        """The interval of ``key`` in a sentence."""
        text = span(row, key, write)
        return f"{self.percent} interval {text}" if text else "no interval"


@dataclass(frozen=True)
class FigureFile:
    """Where a figure is written: ``folder``/``name``.pdf, .png and, with the ``points`` that it draws, .csv; ``stamp`` stands at its foot."""

    stamp: Stamp
    folder: Path
    name: str
    points: pd.DataFrame

    @contextmanager
    def drawing(self, width: float, height: float, rows: int = 1, columns: int = 1, **more: Any) -> Iterator[tuple[Drawing, Grid]]:
        """A figure and its axes, as ``gap.figures.style.drawing`` makes them; written at the end."""
        with drawing(self.stamp, width, height, rows, columns, **more) as (figure, grid):
            yield figure, grid
            save(figure, self.folder, self.name, self.points)


@dataclass(frozen=True)
class Figure:
    """A figure of a section; ``draw`` draws ``points`` and nothing else; ``width`` is "narrow" (one column of a paper) or "wide"."""

    name: str
    title: str
    caption: str
    points: pd.DataFrame
    draw: Callable[[FigureFile], None]
    width: str = "wide"

    def write(self, stamp: Stamp, folder: Path) -> None:
        """Write its files into ``folder``."""
        self.draw(FigureFile(stamp, folder, self.name, self.points))


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


def blocks(parts: Iterable[Iterable[Row]]) -> tuple[tuple[Row, ...], frozenset[int]]:
    """``rows`` and ``breaks`` of a table whose blocks of rows have a thin rule between them."""
    made = [tuple(part) for part in parts]
    ends = accumulate(map(len, made[:-1]))
    return tuple(chain(*made)), frozenset(ends) - {0}
