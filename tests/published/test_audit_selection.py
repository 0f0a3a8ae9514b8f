"""Selection on the real rows: observed numbers from the raw CSV, and the null against a simulation of single items."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gap.published.audit import null, selection
from gap.published.read import Published, read_published
from gap.published.section import Sampling, Section

MIRROR = os.environ.get("GAP_MIRROR")
pytestmark = pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is unset: no copy of the authors' files")
FOLDER = Path(MIRROR or "") / "upstream_gap"
HOW = Sampling(seed=1, resamples=500, simulations=2000)
MODELS = ("350M", "1.3B", "2.7B")
SIZES = np.array([295, 320, 320, 320, 320, 320, 100, 320])


def raw() -> pd.DataFrame:
    """classification.csv with ``own``, the score above the unmodified rows of the same cell, and items 0 to 7, changes in right items."""
    frame = pd.read_csv(FOLDER / "full_results" / "classification.csv")
    tasks = [column for column in frame.columns if column.endswith("/acc")]
    right = np.rint(frame[tasks].to_numpy() * SIZES)
    for (model, corpus), rows in frame.groupby(["model", "corpora"]):
        first = rows[rows["epoch"] == 0].index[0]
        cell = (frame["model"] == model) & (frame["corpora"] == corpus)
        frame.loc[cell, "own"] = frame.loc[cell, tasks].mean(axis=1) - frame.loc[first, tasks].mean()
        frame.loc[cell, list(range(8))] = right[cell] - right[first]
    return frame


@pytest.fixture(scope="module")
def data() -> Published:
    return read_published(FOLDER / "full_results", FOLDER / "data" / "train_data")


@pytest.fixture(scope="module")
def found(data: Published) -> Section:
    return selection.section(data, HOW)


@pytest.mark.parametrize("model", MODELS)
def test_observed_numbers(found: Section, model: str) -> None:
    frame = raw()
    rows = frame[frame["model"] == model]
    seen = found.numbers["models"][model]["observed"]
    assert seen["rows"] == len(rows) and seen["runs"] == len(rows.groupby(["corpora", "index"]))
    assert seen["mean"] == pytest.approx(rows["own"].mean(), abs=1e-12)
    assert seen["largest"] == pytest.approx(rows["own"].max(), abs=1e-12)
    assert seen["unmodified"] == pytest.approx((rows["epoch"] == 0).mean())
    for key, error in (("mean", rows["own"].std() / len(rows) ** 0.5), ("unmodified", (rows["epoch"] == 0).std() / len(rows) ** 0.5)):
        low, high = seen[f"{key}_interval"]
        assert low < seen[key] < high
        assert high - low == pytest.approx(2 * 1.96 * error, rel=0.2)


@pytest.mark.parametrize("model", MODELS)
def test_share_of_items_that_the_first_real_update_changed(found: Section, model: str) -> None:
    frame = raw()
    first = frame[(frame["model"] == model) & (frame["epoch"] == 2)]
    seen = found.numbers["models"][model]["observed"]
    changes = first[list(range(8))]
    assert seen["first_rows"] == len(first)
    assert seen["first_gain"] == pytest.approx(first["own"].mean(), abs=1e-12)
    assert seen["first_least"] == pytest.approx(changes.abs().sum(axis=1).mean() / 2315)
    squares, freedom = 0.0, 0
    for _, rows in changes.groupby(first["corpora"]):
        squares += float(rows.var(ddof=0).sum() * len(rows))
        freedom += len(rows) - 1
    assert seen["first_varying"] == pytest.approx(squares / freedom / 2315)
    modified = frame[(frame["model"] == model) & (frame["epoch"] > 0)][list(range(8))]
    assert seen["least"] == pytest.approx(modified.abs().sum(axis=1).mean() / 2315)


def items(model: str, flips: float | None, runs: int, random: np.random.Generator) -> np.ndarray:
    """Average accuracy above the unmodified model, item by item, [13, runs]; ``flips`` None: fresh items at every step."""
    frame = pd.read_csv(FOLDER / "full_results" / "classification.csv")
    tasks = [column for column in frame.columns if column.endswith("/acc")]
    base = frame[(frame["model"] == model) & (frame["epoch"] == 0)][tasks].value_counts().index[0]
    p = np.concatenate([np.full(size, value) for size, value in zip(SIZES, base, strict=True)])
    weight = np.concatenate([np.full(size, 1 / size / 8) for size in SIZES])
    start = np.concatenate([np.arange(size) < round(size * value) for size, value in zip(SIZES, base, strict=True)])
    scale = 1.0 if flips is None else flips / (2 * p * (1 - p)).mean()
    made, state = np.empty((13, runs)), np.broadcast_to(start, (runs, len(p))).copy()
    for step in range(13):
        state ^= random.random(state.shape) < scale * np.where(state, 1 - p, p)
        made[step] = state @ weight - start @ weight
    return made


@pytest.mark.parametrize(("flips", "steps"), [(0.002, 5), (0.02, 13), (None, 5), (None, 13)])
def test_the_null_is_that_of_single_items(found: Section, flips: float | None, steps: int) -> None:
    """The module simulates counts of right items; here every item is simulated, with numpy only."""
    average = items("1.3B", flips, 1500, np.random.default_rng(4))[:steps]
    gains = average.max(axis=0).clip(0)
    rule = {5: "fewest", 13: "most"}[steps]
    [row] = [row for row in found.numbers["models"]["1.3B"][rule]["null"] if row["flips"] == flips]
    error = gains.std() / len(gains) ** 0.5
    assert row["mean"] == pytest.approx(gains.mean(), abs=4.5 * error)
    assert row["unmodified"] == pytest.approx((gains < 1e-9).mean(), abs=0.05)


def test_the_matching_share_gives_the_published_mean(found: Section) -> None:
    """Simulated anew at the share that the page names, under each way to count the candidates."""
    for model in MODELS:
        observed = found.numbers["models"][model]["observed"]["mean"]
        for rule, steps in (("fewest", 5), ("most", 13)):
            share = found.numbers["models"][model][rule]["matching_flips"]
            gains = items(model, share, 400, np.random.default_rng(6))[:steps].max(axis=0).clip(0)
            assert gains.mean() == pytest.approx(observed, abs=4.5 * gains.std() / 20)


@pytest.mark.parametrize("model", MODELS)
def test_the_null_grows_with_the_share_and_with_the_candidates(found: Section, model: str) -> None:
    numbers = found.numbers["models"][model]
    for rule in ("fewest", "stop", "most"):
        means = [row["mean"] for row in numbers[rule]["null"]]
        assert means == sorted(means) and len(means) == len(null.FLIPS) + 1
    for low, middle, high in zip(*(numbers[rule]["null"] for rule in ("fewest", "stop", "most")), strict=True):
        assert low["mean"] <= middle["mean"] <= high["mean"]
    low, high = numbers["stop"]["matching_interval"]
    assert low < numbers["stop"]["matching_flips"] < high


def test_the_verdicts_are_those_of_the_numbers(found: Section) -> None:
    """Against wording that would stay when the numbers change."""
    models = found.numbers["models"]
    page = " ".join(found.sentences)
    over = [model for model in MODELS if models[model]["fewest"]["at_varying"]["mean"] > models[model]["observed"]["mean"]]
    assert ("more than account for the mean gain" in page) == bool(over)
    more = [
        model
        for model in MODELS
        if models[model]["observed"]["unmodified_interval"][0] > max(models[model][rule]["at_match"]["unmodified"] for rule in null.RULES)
    ]
    assert (f"For {' and '.join(more)} more stay there than this null leaves" in page) == bool(more)
    below = all(models[model]["observed"]["mean"] < models[model]["fewest"]["independent"]["mean"] for model in MODELS)
    assert ("far from independent" in page) == below


def test_larger_gains_change_the_verdicts(data: Published) -> None:
    """Ten points more for every run: no share of changing items reaches that."""
    rows: dict[str, Any] = {group: frame.copy() for group, frame in data.rows.items()}
    frame = rows["classification"]
    modified = frame["epoch"] > 0
    tasks = [column for column in frame.columns if column in ("piqa", "hellaswag", "arc_easy", "winogrande")]
    frame.loc[modified, tasks] += 0.2
    frame.loc[modified, ["mean", "average"]] += 0.1
    found = selection.section(Published(rows, data.texts), Sampling(seed=1, resamples=50, simulations=200))
    page = " ".join(found.sentences)
    assert "At no simulated share of changing items" in page
    assert "far from independent" not in page and "below this for none" in page


def test_dialogue_noise_is_that_of_the_repeats(found: Section) -> None:
    frame = pd.read_csv(FOLDER / "full_results" / "dialog.csv")
    scores = frame.filter(regex="/f1$").mean(axis=1)
    grouped = scores.groupby([frame["model"], frame["corpora"], frame["index"]])
    noise = (((scores - grouped.transform("mean")) ** 2).sum() / (len(frame) - grouped.ngroups)) ** 0.5
    numbers = found.numbers["dialogue"]
    drawn = np.random.default_rng(0).normal(size=(200_000, 13))
    assert numbers["within"] == pytest.approx(noise)
    assert numbers["fewest"] == pytest.approx(noise * drawn[:, :5].max(axis=1).clip(0).mean(), rel=0.01)
    assert numbers["most"] == pytest.approx(noise * drawn.max(axis=1).clip(0).mean(), rel=0.01)
