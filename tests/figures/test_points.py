"""The CSV beside a figure holds what the figure shows: every number in it is drawn, and every mark stands in it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gap.estimate.stage import estimate
from gap.figures.data import StudyData, load
from gap.figures.registry import FIGURES
from gap.figures.style import save

#: Figure -> columns whose numbers are drawn, and the axis that they are drawn along.
DRAWN = {
    "verdicts": (["estimate", "low", "high", "bound"], 0),
    "figure1_dialogue": (["value", "low", "high"], 1),
    "figure1_classification": (["value", "low", "high"], 1),
    "gain_by_corpus": (["gain", "low", "high"], 1),
    "score_by_step": (["mean", "low", "high"], 1),
    "task_heatmap": (["gain"], 1),
    "familiarity": (["rho", "low", "high"], 0),
    "pretraining": (["validation_loss"], 1),
}


@pytest.fixture(scope="module")
def data(plan: dict) -> StudyData:
    estimate(plan)
    return load(plan)


def marks(figure: Any, axis: int) -> tuple[set[float], set[float]]:
    """All numbers in a figure's lines, bands, dots and cells along an axis; and those of dots, markers and cells alone."""
    everything, dots = [], []
    for axes in figure.axes:
        for line in axes.lines:
            values = np.asarray(line.get_data()[axis], dtype=float)
            everything += [*values]
            dots += [*values] if line.get_marker() not in ("", "None", None) else []
        for part in axes.collections:
            offsets = np.asarray(part.get_offsets(), dtype=float)
            single = len(offsets) and type(part).__name__ == "PathCollection"
            dots += [*offsets[:, axis]] if single else []
            everything += [*offsets[:, axis]] if single else [value for path in part.get_paths() for value in path.vertices[:, axis]]
        for image in axes.images:
            cells = [value for value in np.asarray(image.get_array(), dtype=float).ravel()]
            everything, dots = everything + cells, dots + cells
    return ({round(float(value), 5) for value in values if np.isfinite(value)} for values in (everything, dots))


def near(values: set[float], known: set[float]) -> set[float]:
    """Those that no known number is near."""
    table = np.array(sorted(known))
    return {value for value in values if not len(table) or np.abs(table - value).min() > 2e-5}


@pytest.mark.parametrize("name", DRAWN)
def test_the_table_is_what_is_drawn(data: StudyData, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns, axis = DRAWN[name]
    seen: dict[str, Any] = {}

    def keep(figure: Any, folder: Path, written: str, points: pd.DataFrame) -> None:
        seen["all"], seen["dots"] = marks(figure, axis)
        save(figure, folder, written, points)

    draw: Any = FIGURES[name].draw
    module = sys.modules[draw.func.__module__ if isinstance(draw, partial) else draw.__module__]
    monkeypatch.setattr(module, "save", keep)
    draw(data, tmp_path, name)
    table = pd.read_csv(tmp_path / f"{name}.csv")
    numbers = {round(float(value), 5) for value in table[columns].to_numpy(float).ravel() if np.isfinite(value)}
    assert len(table) > 1 and not near(numbers, seen["all"])
    assert len(seen["dots"]) > 1 and not near(seen["dots"], numbers)
    assert set(data.study.plan["light"]) >= set(FIGURES[name].tables) != set()


def test_every_figure_is_held_to_it(plan: dict) -> None:
    assert set(DRAWN) == set(plan["figure_names"])
