"""All sections of the audit on made-up rows: no variation, one corpus, one row, files that share no run; and the same twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from edge_cases import check_drawn, drawn

from gap.figures.table import to_csv, to_latex, to_markdown
from gap.published.audit import two_groups
from gap.published.names import CORPORA, GROUPS, MODELS
from gap.published.read import Published
from gap.published.section import Sampling, Section
from gap.published.stage import AUDIT

HOW = Sampling(seed=3, resamples=100, simulations=200)
#: Unmodified right items per 20 items, so that every task's accuracy is a whole number of items.
BASE = {"350M": 9, "1.3B": 10, "2.7B": 12}
#: A row: model, corpus, index, epoch, right items above the unmodified model in every task.
Row = tuple[str, str, int, int, int]


def published(rows: Sequence[Row], second: Sequence[Row] | None = None) -> Published:
    """Classification with ``rows``, dialogue with ``second`` or the same."""
    made = {}
    for (group, tasks), chosen in zip(GROUPS.items(), (rows, rows if second is None else second), strict=True):
        frame = pd.DataFrame(chosen, columns=["model", "corpus", "index", "epoch", "more"])
        for name, task in tasks.items():
            right = frame["model"].map(BASE) * (task.items // 20) + frame["more"]
            frame[name] = (right / task.items).astype("float32").astype(float)
        frame["mean"] = frame[list(tasks)].mean(axis=1)
        base = frame[frame["epoch"] == 0].groupby("model")["mean"].first()
        frame["gain"] = frame["mean"] - frame["model"].map(base)
        frame["average"] = frame["mean"]
        made[group] = frame.drop(columns="more")
    return Published(made, pd.DataFrame())


def unmodified(corpora: Sequence[str] = tuple(CORPORA)) -> list[Row]:
    return [(model, corpus, 0, 0, 0) for model in MODELS for corpus in corpora]


def section(name: str, data: Published) -> Section:
    return AUDIT[name](data, HOW)


VARIED = [*unmodified(), *[(m, c, i, 2 + i % 5, 1 + i * 3 % 5) for m in MODELS for c in CORPORA for i in range(1, 8)]]
CASES = {
    "all gains equal": (*unmodified(), *((m, c, i, 4, 2) for m in MODELS for c in CORPORA for i in (1, 2, 3))),
    "nothing changed": tuple((m, c, i, 0, 0) for m in MODELS for c in CORPORA for i in range(4)),
    "one corpus": (*unmodified(["Git."]), *((m, "Git.", i, 2 + i, i) for m in MODELS for i in range(1, 6))),
    "one row each": tuple(unmodified()),
    "one run repeated": (*VARIED, ("1.3B", "CC", 1, 5, 4)),
    "first real update once": (*unmodified(), ("2.7B", "CC", 1, 2, 1)),
    "far beyond the null": (*unmodified(), *((m, c, i, 3, 60) for m in MODELS for c in CORPORA for i in (1, 2))),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", AUDIT)
def test_sections_survive_rows_without_variation(name: str, case: str) -> None:
    found = section(name, published(CASES[case]))
    json.dumps(found.numbers, allow_nan=False)
    assert found.sentences
    for text in found.sentences:
        plain = text.lower().replace("finance", "")
        assert "nan" not in plain and "none (" not in plain and "  " not in text and " , " not in text, text
    for table in found.tables:
        assert to_csv(table) and to_latex(table) and to_markdown(table)
        assert all("nan" not in cell for row in table.cells() for cell in row)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", drawn(CASES))
@pytest.mark.parametrize("name", AUDIT)
def test_their_figures_are_drawn(name: str, case: str, tmp_path: Path) -> None:
    check_drawn(section(name, published(CASES[case])), tmp_path)


@pytest.mark.parametrize("name", AUDIT)
def test_the_same_rows_give_the_same_numbers_sentences_and_figures(name: str, tmp_path: Path) -> None:
    first, second = section(name, published(VARIED)), section(name, published(VARIED))
    assert json.dumps(first.numbers) == json.dumps(second.numbers) and first.sentences == second.sentences
    for place, found in enumerate((first, second)):
        for drawing in found.figures:
            drawing.write(SimpleNamespace(name="s", digest="d"), tmp_path / str(place))
    for path in (tmp_path / "0").glob("*"):
        assert path.read_bytes() == (tmp_path / "1" / path.name).read_bytes()


def test_files_without_a_common_run_are_matched_to_nothing(tmp_path: Path) -> None:
    second = [(model, corpus, 5, 0, 0) for model in MODELS for corpus in CORPORA]
    found = two_groups.section(published(unmodified(), second), HOW)
    assert found.numbers["matched"] == 0 and found.numbers["unmatched"] == {"classification": 9, "dialogue": 9}
    found.figures[0].write(SimpleNamespace(name="s", digest="d"), tmp_path)
    assert (tmp_path / "published_two_groups.png").exists()
