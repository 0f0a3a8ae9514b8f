"""A study of the authors' models against made-up released rows: noise like that of their repeats passes, more does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import build
from synthetic_plan import Shape

from gap.aggregate.stage import aggregate
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.tables import read_table
from gap.published.names import GROUPS
from gap.published.read import Published
from gap.verify.authors import compare_with_authors, has_authors_rows, noise
from gap.verify.verdict import judge

SHAPE = Shape(
    subjects={"opt-350m": "350M"},
    reference={},
    corpora=("TDEC", "Git."),
    texts=20,
    updates=3,
    items=12,
    tasks=("piqa", "wizard_of_internet"),
)
SD = 0.001


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    document = read_json(build(tmp_path_factory.mktemp("study"), SHAPE))
    aggregate(document)
    return document


def released(plan: dict[str, Any], seed: int, sd: float, shift: dict[tuple[str, str], float] | None = None) -> Published:
    """Rows as ours would be with noise of ``sd``, the first 8 texts twice with noise of ``SD``; cells shifted; baselines apart by ``SD``."""
    draw, frames = np.random.default_rng(seed), {}
    chosen = read_table(Path(plan["light"]["selections"]), "selections").query("policy == 'authors'")
    for group, tasks in GROUPS.items():
        rows = []
        for number, corpus in enumerate(SHAPE.corpora):
            rows.append(("350M", corpus, 99, 0, 0.3 + number * SD))  # the unmodified model
            for text, value in chosen[(chosen["group"] == group) & (chosen["corpus"] == corpus)][["text", "value"]].itertuples(index=False):
                theirs = value + draw.normal(0, sd) + (shift or {}).get((group, corpus), 0.0)
                rows += [("350M", corpus, text, 3, theirs)]
                rows += [("350M", corpus, text, 3, theirs + draw.normal(0, SD * np.sqrt(2)))] if text < 8 else []
        frame = pd.DataFrame(rows, columns=["model", "corpus", "index", "epoch", "mean"]).assign(average=0.5)
        frames[group] = frame.assign(**{task: frame["mean"] for task in tasks})
    return Published(frames, pd.DataFrame())


def test_noise_is_that_of_repeats_and_baselines(plan: dict[str, Any]) -> None:
    data = released(plan, 1, 0.0)
    run, setup, degrees = noise(data, "dialogue")
    rows = data.rows["dialogue"]
    twice = rows[rows["index"] < 8].groupby(["corpus", "index"])["mean"]
    assert run == pytest.approx(np.sqrt(twice.var(ddof=1).mean())) and degrees == 16
    assert setup == pytest.approx(SD / np.sqrt(2))


def test_rows_that_differ_as_repeats_do_are_expected(plan: dict[str, Any]) -> None:
    passed = [compare_with_authors(plan, released(plan, seed, SD)).expected for seed in range(20)]
    assert sum(passed) >= 19
    verdict = compare_with_authors(plan, released(plan, 0, 0.0))
    assert verdict.expected and "4 of 4 distributions of best-epoch averages (80 runs)" in verdict.line


def test_another_mean_is_different_and_named(plan: dict[str, Any]) -> None:
    verdict = compare_with_authors(plan, released(plan, 2, SD, {("dialogue", "Git."): 0.01}))
    assert not verdict.expected and len(verdict.beyond) == 1 and verdict.beyond[0].startswith("350M, Git., dialogue: mean of 20 runs")
    assert verdict.numbers["cells"]["350M, Git., dialogue"]["theirs"] - verdict.numbers["cells"]["350M, Git., dialogue"][
        "ours"
    ] == pytest.approx(1, abs=0.2)


def test_another_spread_with_the_same_mean_is_different(plan: dict[str, Any]) -> None:
    assert not compare_with_authors(plan, released(plan, 3, 8 * SD)).expected


def test_rows_without_a_repeated_run_are_refused(plan: dict[str, Any]) -> None:
    data = released(plan, 1, 0.0)
    single = {group: rows.drop_duplicates(["model", "corpus", "index"]) for group, rows in data.rows.items()}
    with pytest.raises(BadInput, match="no repeated run in dialogue"):
        compare_with_authors(plan, Published(single, data.texts))


def test_only_a_study_with_their_labels_has_their_rows(plan: dict[str, Any]) -> None:
    assert has_authors_rows(plan)
    with pytest.raises(BadInput, match="no expectations of this study"):
        judge(plan | {"models": {"opt-350m": {"role": "subject", "label": "another"}}}, "other")
