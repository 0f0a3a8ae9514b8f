"""The whole study on the real files: what it writes, what the page says, and what wrong input gets."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drawn import Marks, check, marks

from gap.core.errors import BadInput
from gap.figures.style import save
from gap.params.published import Published as Settings
from gap.params.published import PublishedStudy
from gap.plan.stages.published import PublishedPlan
from gap.published import section
from gap.published.contents import FIGURES
from gap.published.docs import write_docs
from gap.published.names import CORPORA
from gap.published.names import TASKS as RELEASED
from gap.published.read import read_published, read_texts
from gap.published.stage import AUDIT, CLAIMS, published
from gap.tasks.registry import TASKS

#: Figure -> axis -> the columns whose numbers are drawn along it.
DRAWN = {
    "figure1_dialogue": {1: ["value"]},
    "figure1_classification": {1: ["value"]},
    "gain_by_corpus": {1: ["gain", "low", "high"]},
    "task_heatmap": {1: ["gain"]},
    "gap_closed": {1: ["closed"]},
    "text_features_dialogue": {0: ["rho", "low", "high"]},
    "text_features_classification": {0: ["rho", "low", "high"]},
    "best_step": {1: ["rows"]},
    "published_gains": {0: ["gain"], 1: ["share"]},
    "published_null_gains": {0: ["gain"], 1: ["share"]},
    "published_null_curve": {0: ["changed"], 1: ["value", "low", "high"]},
    "published_two_groups": {0: ["classification"], 1: ["dialogue"]},
    "published_power": {0: ["agreement"], 1: ["gain"]},
}
#: What the artists of each figure hold, by axis.
SHOWN: dict[str, dict[int, Marks]] = {}
MIRROR = os.environ.get("GAP_MIRROR")
real = pytest.mark.skipif(MIRROR is None, reason="GAP_MIRROR names no folder with the authors' files")


def upstream() -> Path:
    return Path(str(MIRROR)) / "upstream_gap"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the study has been made, with few resamples."""
    folder = tmp_path_factory.mktemp("published")
    study = PublishedStudy(name="published", title="Rows & rows", seed=1, published=Settings(resamples=100, simulations=500, level=0.95))
    plan = PublishedPlan(study).document
    (folder / plan["light"]["upstream"]).parent.mkdir(parents=True)
    (folder / plan["light"]["upstream"]).symlink_to(upstream())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(section, "save", keep)
        published(plan)
    return folder


def keep(figure: Any, folder: Path, name: str, points: pd.DataFrame) -> None:
    """Write a figure, and remember what it shows."""
    SHOWN[name] = {axis: marks(figure, axis) for axis in (0, 1)}
    save(figure, folder, name, points)


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found.get("href") or found.get("src") or ""] if {"href", "src"} & found.keys() else []


@real
def test_the_page_has_every_section_and_needs_no_network(made: Path) -> None:
    page = Seen()
    text = (made / "results/published/report.html").read_text()
    page.feed(text)
    assert {"short", *CLAIMS, *AUDIT, "provenance"} <= set(page.ids) | {"short"}
    assert all(link.startswith(("data:image/png", "data:text/csv", "#")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    words = re.sub(r'"data:[^"]*"', "", text)
    assert "Rows &amp; rows" in words and not re.search(r"\bnan\b|\bNone\b", words)


@real
def test_every_named_file_is_there_and_dvcs_folders_too(made: Path) -> None:
    plan = PublishedPlan(PublishedStudy(name="published", seed=1, published=Settings(resamples=100, simulations=500, level=0.95)))
    for path in plan.stage.paths:
        assert (made / path).stat().st_size > 0, path
    for folder in ("results/published/runs", "results/published/scores", "checkpoints/published"):
        assert (made / folder).is_dir()


@real
def test_rows_and_metrics_against_plain_pandas(made: Path) -> None:
    rows = pd.read_parquet(made / "results/published/observations/rows.parquet").astype(
        {"model": str, "corpus": str, "task": str, "group": str}
    )
    metrics = json.loads((made / "results/published/metrics.json").read_text())
    for group, name in (("classification", "classification.csv"), ("dialogue", "dialog.csv")):
        raw = pd.read_csv(upstream() / "full_results" / name)
        tasks = [column for column in raw.columns if column.endswith(("/acc", "/f1"))]
        mine = rows[rows["group"] == group]
        assert len(mine) == len(raw) * len(tasks)
        wide = mine.groupby("row")["value"].mean()
        np.testing.assert_allclose(wide.to_numpy(), raw[tasks].mean(axis=1).to_numpy(), rtol=0, atol=1e-12)
        gains = mine.groupby("row")["value"].mean() - mine.groupby("row")["baseline"].mean()
        assert gains.min() > -1e-12, "against the unmodified rows of its own model and corpus no run loses"
        assert (gains[raw["epoch"] == 0].abs() < 1e-12).all() and (gains[raw["epoch"] > 0] > 0).all()
        for model, part in raw.groupby("model"):
            entry = metrics[model]
            assert entry[f"{group}_rows"] == len(part) and entry[f"{group}_rows_unmodified"] == int((part["epoch"] == 0).sum())
            assert entry[f"{group}_gap"] == pytest.approx(part["average"].mean(), abs=1e-6)
            assert entry[f"{group}_difference"] == pytest.approx(gains[(raw["model"] == model).to_numpy()].mean(), abs=1e-6)
    assert metrics["audit"]["dialogue_best_epoch_1"] == 0 and metrics["audit"]["accuracies_not_whole_items"] == 0


@real
@pytest.mark.parametrize("name", FIGURES)
def test_the_data_beside_a_figure_are_what_is_drawn(made: Path, name: str) -> None:
    for axis, columns in DRAWN[name].items():
        check(SHOWN[name][axis], made / f"figures/published/{name}.csv", columns)


@real
def test_every_figures_data_are_linked_by_both_pages(made: Path) -> None:
    assert set(DRAWN) == set(FIGURES)
    page, report = ((made / "results/published" / name).read_text() for name in ("page.md", "report.html"))
    for name in FIGURES:
        assert f"[Data](../../figures/published/{name}.csv)" in page
        assert f'download="published-{name}.csv"' in report or f"data: {name}.csv beside the figure" in report


@real
def test_the_page_of_the_documentation_links_its_figures(made: Path, tmp_path: Path) -> None:
    text = write_docs(made / "results/published/page.md", tmp_path).read_text()
    assert "](../figures/published/figure1_dialogue.png)" in text and "../../" not in text


def test_a_page_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes.md").write_bytes(b"\xff")
    for name in ("none.md", "bytes.md", "."):
        with pytest.raises(BadInput, match=r"not readable \(.*the page of the study"):
            write_docs(tmp_path / name, tmp_path)


def spoil(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def done(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[3, column] = value
        return frame

    return done


WRONG: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    ("full_results/classification.csv", lambda frame: frame.drop(columns="piqa/acc"), "no column 'piqa/acc'"),
    ("full_results/classification.csv", spoil("piqa/acc", float("nan")), r"column 'piqa/acc', row 3: nan"),
    ("full_results/dialog.csv", spoil("corpora", "Books"), r"row 3, column 'corpora': 'Books'"),
    ("full_results/dialog.csv", spoil("model", "6.7B"), r"row 3, column 'model': '6.7B'"),
    ("full_results/dialog.csv", spoil("epoch", 1.5), r"column 'epoch', row 3: 1.5"),
    ("full_results/dialog.csv", spoil("wizard_of_internet/f1", 1.2), r"a number from 0 to 1"),
    ("full_results/classification.csv", spoil("index", 5000), r"text 5000 of"),
    ("full_results/classification.csv", lambda frame: frame[(frame["epoch"] > 0) | (frame["model"] != "1.3B")], r"unmodified 1\.3B"),
    ("data/train_data/pile-cc.csv", lambda frame: frame.drop(columns="text"), "no column 'text'"),
    ("data/train_data/github.csv", spoil("text", "  "), "an empty text"),
]


@real
@pytest.mark.parametrize(("name", "change", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_wrong_input_is_refused(tmp_path: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    for folder in ("full_results", "data/train_data"):
        shutil.copytree(upstream() / folder, tmp_path / folder)
    change(pd.read_csv(tmp_path / name)).to_csv(tmp_path / name, index=False)
    with pytest.raises(BadInput, match=message):
        read_published(tmp_path / "full_results", tmp_path / "data/train_data")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lm_extraction\.csv: no such file"):
        read_published(tmp_path, tmp_path)
    (tmp_path / "lm_extraction.csv").mkdir()
    with pytest.raises(BadInput, match=r"lm_extraction\.csv: is a directory"):
        read_published(tmp_path, tmp_path)


def test_texts_of_digits_are_texts(tmp_path: Path) -> None:
    for name in CORPORA.values():
        (tmp_path / name).write_text("text,corpus\n007,Github\n12,9\n")
    texts = read_texts(tmp_path)
    assert texts["string"].tolist() == ["007", "12"] * 3 and texts["subset"].tolist() == ["github", "9"] * 3


def test_tasks_are_named_as_in_the_rest_of_the_project() -> None:
    assert {name: TASKS[name].label for name in RELEASED} == {name: task.label for name, task in RELEASED.items()}
