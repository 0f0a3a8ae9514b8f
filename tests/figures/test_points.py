"""The CSV beside a figure holds what the figure shows: every number in it is drawn, and every mark and line stands in it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drawn import check, marks
from synthetic import build
from synthetic_plan import CONTROLLED

from gap.aggregate.stage import aggregate
from gap.core.files import read_json
from gap.estimate.stage import estimate
from gap.figures.data import StudyData, load
from gap.figures.registry import FIGURES, Figure
from gap.figures.style import save

#: Figure -> columns whose numbers are drawn, and the axis that they are drawn along.
DRAWN = {
    "verdicts": (["estimate", "low", "high", "bound"], 0),
    "figure1_dialogue": (["value", "low", "high"], 1),
    "figure1_classification": (["value", "low", "high"], 1),
    "gain_by_corpus": (["gain", "low", "high"], 1),
    "methods": (["gain", "low", "high"], 1),
    "score_by_step": (["mean", "low", "high"], 1),
    "task_heatmap": (["gain"], 1),
    "familiarity": (["rho", "low", "high"], 0),
    "pretraining": (["validation_loss"], 1),
}


@pytest.fixture(scope="module")
def data(plan: dict) -> StudyData:
    estimate(plan)
    return load(plan)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> StudyData:
    """A study with several methods."""
    document = read_json(build(tmp_path_factory.mktemp("controlled"), CONTROLLED))
    aggregate(document)
    return load(document)


@pytest.mark.parametrize("name", DRAWN)
def test_the_table_is_what_is_drawn(
    data: StudyData, several: StudyData, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, axis = DRAWN[name]
    study = several if name == "methods" else data
    seen: list[Any] = []

    def keep(figure: Any, folder: Path, written: str, points: pd.DataFrame) -> None:
        seen.append(marks(figure, axis))
        save(figure, folder, written, points)

    draw: Any = FIGURES[name].draw
    module = sys.modules[draw.func.__module__ if isinstance(draw, partial) else draw.__module__]
    monkeypatch.setattr(module, "save", keep)
    draw(study, tmp_path, name)
    check(seen[0], tmp_path / f"{name}.csv", columns)
    assert seen[0].single, "nothing is marked"
    assert set(study.study.plan["light"]) >= set(FIGURES[name].tables) != set()


def test_every_registered_figure_is_held_to_it() -> None:
    """A figure added by somebody has the position of a new one, and a test of its own."""
    assert set(DRAWN) == {figure.name for figure in FIGURES if figure.order < Figure.order}


@pytest.mark.parametrize("spoil", ["a value in the table", "a value in the figure"])
def test_a_difference_is_seen(data: StudyData, spoil: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gap.figures.drawings import gain_by_corpus

    def keep(figure: Any, folder: Path, name: str, points: pd.DataFrame) -> None:
        if spoil == "a value in the figure":
            part = figure.axes[0].collections[0]
            part.set_offsets(np.asarray(part.get_offsets()) + np.array([0, 0.01]))
        seen = marks(figure, 1)
        changed = points.assign(gain=points["gain"] + (0.01 if spoil == "a value in the table" else 0))
        changed.to_csv(folder / f"{name}.csv", index=False)
        with pytest.raises(AssertionError, match=r"in the table|in the figure|drawn"):
            check(seen, folder / f"{name}.csv", ["gain", "low", "high"])

    monkeypatch.setattr(gain_by_corpus, "save", keep)
    gain_by_corpus.draw(data, tmp_path, "gain_by_corpus")
