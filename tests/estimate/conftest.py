"""Simulated studies are made in the tests' support folder."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))


@pytest.fixture(autouse=True, scope="session")
def quick_corrections() -> Iterator[None]:
    """As the stage does: statsmodels collects garbage at every correction, 0.1 s each with all that is loaded."""
    gc.freeze()
    yield
    gc.unfreeze()
