"""Figure, table and sentences of a study with several methods."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest
from synthetic import build
from synthetic_plan import CONTROLLED

from gap.aggregate.stage import aggregate
from gap.core.files import read_json
from gap.figures.data import StudyData, load
from gap.figures.drawings import methods
from gap.figures.stage import figures, tables
from gap.figures.tables.main import build as main_table
from gap.figures.tables.methods import build as method_table
from gap.report.summary import more


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    document = read_json(build(tmp_path_factory.mktemp("controlled"), CONTROLLED))
    aggregate(document)
    return document


@pytest.fixture(scope="module")
def data(plan: dict[str, Any]) -> StudyData:
    return load(plan)


def test_the_figure_is_drawn_and_its_caption_counts_the_runs(plan: dict[str, Any]) -> None:
    assert "methods" in plan["figure_names"]
    figures(plan | {"figure_names": ["methods"]})
    folder = Path(plan["light"]["figures"])
    assert (folder / "methods.png").stat().st_size > 10_000 and (folder / "methods.pdf").exists()
    caption = json.loads((folder / "captions.json").read_text())["methods"]["caption"]
    assert "UP (15 runs per model), DOWN (6)" in caption


def test_other_figures_and_tables_show_the_studys_own_method_alone(data: StudyData) -> None:
    assert set(data.runs["method"]) == set(data.steps["method"]) == {"up"} and len(data.runs) == 30
    assert len(data.chosen("big", "dialogue", "last")) == 15 and len(data.chosen("big", "dialogue", "last", method="down")) == 6
    assert [row[2] for row in main_table(data).rows if row[1] == "all"] == [15, 15]


def test_the_table_of_methods(plan: dict[str, Any], data: StudyData) -> None:
    tables(plan)
    written = pd.read_csv(plan["light"]["methods_csv"])
    assert list(written["method"]) == ["UP", "DOWN"] * 2 and list(written["runs"]) == [15, 6] * 2
    contrasts = pd.read_csv(plan["light"]["contrasts"])
    row = contrasts.query("model == 'big' and group == 'dialogue' and policy == 'last'").iloc[0]
    mine = written[(written["model"] == "0.5M") & (written["method"] == "DOWN")].iloc[0]
    for column in ("difference", "low", "high"):
        assert mine[f"dialogue_{column}"] == pytest.approx(100 * row[column], abs=1e-3)
    assert mine["distance"] == pytest.approx(row["distance"], abs=1e-4)
    assert pd.isna(written.loc[0, "dialogue_difference"])
    assert "against UP" in Path(plan["light"]["methods_md"]).read_text()
    assert len(method_table(data).rows) == 4


def test_the_report_says_what_the_numbers_say(data: StudyData) -> None:
    [found] = [line for line in more(data) if line.startswith("Dialogue, DOWN against UP")]
    row = data.contrasts.query("model == 'big' and group == 'dialogue' and policy == 'last'").iloc[0]
    shown = f"{100 * row['difference']:+.2f}".replace("-", "\N{MINUS SIGN}")
    assert f"{shown} for 0.5M" in found and re.search("above zero|below zero|not told apart from zero", found)


def columns_of(figure: Any) -> dict[str, list[str]]:
    """Title of each of two columns of panels -> what stands below it."""
    top, bottom = figure.axes[:2], figure.axes[-2:]
    return {first.get_title(): [text.get_text() for text in last.get_xticklabels()] for first, last in zip(top, bottom, strict=True)}


def test_a_model_without_one_of_the_methods(tmp_path: Path) -> None:
    """``models.NAME.methods``: its other runs are shown as they are, and nothing stands where the method would."""
    document = read_json(build(tmp_path, CONTROLLED))
    lacking = next(run["model"] for run in document["runs"])
    document["runs"] = [run for run in document["runs"] if (run["model"], run["method"]) != (lacking, "down")]
    aggregate(document)
    figures(document)
    tables(document)
    written, found = pd.read_csv(document["light"]["methods_csv"]), pd.read_csv(document["light"]["contrasts"])
    assert list(written["method"]) == ["UP", "UP", "DOWN"] and set(found["model"]) == {run["model"] for run in document["runs"]} - {lacking}
    caption = json.loads((Path(document["light"]["figures"]) / "captions.json").read_text())["methods"]["caption"]
    assert "UP (15 runs per model), DOWN (6)" in caption
    sentences = [sentence for sentence in more(load(document)) if "DOWN against UP" in sentence]
    label = document["models"][lacking]["label"]
    columns = {}
    with patch.object(methods, "save", lambda figure, *_: columns.update(columns_of(figure))):
        methods.draw(load(document), tmp_path, "methods")
    assert columns.pop(label) == ["UP"] and list(columns.values()) == [["UP", "DOWN"]]
    assert sentences and not any(f"for {label} " in sentence for sentence in sentences)
