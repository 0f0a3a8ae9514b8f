"""The figures and tables that a study can have: each is registered by its own module (docs/extending.md, "A figure").

The Snakefile asks for the names, so neither this module nor the top of a registered one imports matplotlib or pandas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gap.core.discovery import Catalogue

if TYPE_CHECKING:
    from gap.figures.data import StudyData
    from gap.figures.table import Table


#: Of a corpus, for a figure of rank correlations: over four texts an interval reaches nearly from -1 to 1.
LEAST_TEXTS = 8


@dataclass(frozen=True)
class StudyShape:
    """What decides which figures and tables a study has: its task groups, its methods (its own first), whether it trains base models itself,
    and how many texts of a corpus its own method is run on."""

    groups: tuple[str, ...]
    methods: tuple[str, ...]
    pretrained: bool
    texts: int


def always(shape: StudyShape) -> bool:
    """For every study."""
    return True


def several_methods(shape: StudyShape) -> bool:
    """For studies that compare methods."""
    return len(shape.methods) > 1


def enough_texts(shape: StudyShape) -> bool:
    """For studies with so many texts of a corpus that a rank correlation over them says something."""
    return shape.texts >= LEAST_TEXTS


def no_message(data: StudyData) -> str:
    """For figures whose title is all that stands above them."""
    return ""


@dataclass(frozen=True)
class Figure:
    """A figure: ``draw`` writes ``name``.pdf, ``name``.png and, as ``name``.csv, what it draws into a folder; ``caption`` words it.

    ``order`` is its position in the report (the smallest first);
    ``exists`` says which studies have it, ``needs`` what such a study has, for the report of one without it;
    ``tables`` name the light outputs that it is drawn from; ``message`` is what it shows, in the numbers of the study, and follows the title.
    """

    name: str
    title: str
    draw: Callable[[StudyData, Path, str], None]
    caption: Callable[[StudyData], str]
    order: int = 1000
    exists: Callable[[StudyShape], bool] = always
    needs: str = ""
    tables: tuple[str, ...] = ()
    message: Callable[[StudyData], str] = no_message


@dataclass(frozen=True)
class TableEntry:
    """A table: ``build`` makes it, ``formats`` are the endings of the files it is written to."""

    name: str
    build: Callable[[StudyData], Table]
    order: int = 1000
    formats: tuple[str, ...] = ("csv", "md", "tex")
    exists: Callable[[StudyShape], bool] = always


FIGURES: Catalogue[Figure] = Catalogue("gap.figures.drawings")
TABLES: Catalogue[TableEntry] = Catalogue("gap.figures.tables")


def figure_names(shape: StudyShape) -> list[str]:
    """The figures that a study of this shape has, in the order of the report."""
    return [figure.name for figure in FIGURES if figure.exists(shape)]


def table_names(shape: StudyShape) -> list[str]:
    """The tables that a study of this shape has, in the order of the report."""
    return [table.name for table in TABLES if table.exists(shape)]
