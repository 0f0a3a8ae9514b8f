"""Drawings of made-up edge cases: a case or two stand for the others outside the nightly run, for drawing takes most of the time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

#: Cases that are drawn in every run.
ALWAYS = ("nothing changed", "one row each")


def drawn(cases: Iterable[str]) -> list[Any]:
    """The cases as parameters of a test, those that are not ``ALWAYS`` drawn as nightly ones."""
    return [case if case in ALWAYS else pytest.param(case, marks=pytest.mark.nightly) for case in cases]


def check_drawn(found: Any, folder: Path) -> None:
    """Every figure of a section can be drawn."""
    for drawing in found.figures:
        drawing.write(SimpleNamespace(name="s", digest="d"), folder)
        assert (folder / f"{drawing.name}.png").stat().st_size > 1000
