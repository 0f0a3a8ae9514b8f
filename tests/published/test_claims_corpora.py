"""The corpora compared, and gains against features of the texts, recomputed from the raw files."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gap.published.claims import familiarity, text_features
from gap.published.read import Published, read_published
from gap.published.section import Sampling, Section

MIRROR = os.environ.get("GAP_MIRROR")
pytestmark = pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is unset: no copy of the authors' files")
FOLDER = Path(MIRROR or "") / "upstream_gap"
FILES = {"dialogue": "dialog.csv", "classification": "classification.csv"}
TEXTS = {"TDEC": "lm_extraction.csv", "CC": "pile-cc.csv", "Git.": "github.csv"}
MODELS = ("350M", "1.3B", "2.7B")
HOW = Sampling(seed=1, resamples=500, simulations=10)


def runs(group: str) -> pd.DataFrame:
    """One row per run: mean gain of its repeats against the unmodified row of its model and corpus (or of its model)."""
    frame = pd.read_csv(FOLDER / "full_results" / FILES[group])
    tasks = [column for column in frame.columns if column.endswith(("/acc", "/f1"))]
    frame = frame.assign(score=frame[tasks].mean(axis=1))
    zero = frame[frame["epoch"] == 0]
    own = zero.groupby(["model", "corpora"])["score"].first().rename("own")
    usual = zero.groupby("model")["score"].agg(lambda scores: scores.round(12).mode().iloc[0]).rename("usual")
    frame = frame.join(own, on=["model", "corpora"]).join(usual, on="model")
    frame["gain"] = (frame["score"] - frame["own"].fillna(frame["usual"])).round(9)
    frame["changed"] = frame["epoch"] > 0
    return frame.groupby(["model", "corpora", "index"])[["gain", "changed"]].mean().round(9).reset_index()


def text_columns() -> pd.DataFrame:
    """Corpus, index, number of characters, compressed size and Pile subset of every text."""
    parts = []
    for corpus, name in TEXTS.items():
        frame = pd.read_csv(FOLDER / "data/train_data" / name, keep_default_na=False)
        raw = [text.encode() for text in frame["text"]]
        sizes = {"characters": frame["text"].str.len(), "compressed": [len(zlib.compress(text, 9)) / len(text) for text in raw]}
        parts.append(pd.DataFrame({"corpora": corpus, "index": range(len(frame)), **sizes, "subset": frame["corpus"].str.lower()}))
    return pd.concat(parts)


@pytest.fixture(scope="module")
def data() -> Published:
    return read_published(FOLDER / "full_results", FOLDER / "data/train_data")


@pytest.fixture(scope="module")
def compared(data: Published) -> Section:
    return familiarity.section(data, HOW)


@pytest.fixture(scope="module")
def correlated(data: Published) -> Section:
    return text_features.section(data, HOW)


@pytest.mark.parametrize("group", FILES)
@pytest.mark.parametrize("model", MODELS)
def test_gains_of_the_corpora_and_kruskal_wallis(compared: Section, group: str, model: str) -> None:
    found, frame = compared.numbers[group][model], runs(group)
    parts = {corpus: part for corpus, part in frame[frame["model"] == model].groupby("corpora")}
    for corpus, part in parts.items():
        row = found["corpora"][corpus]
        expected = (len(part), part["gain"].mean(), part["gain"].median(), part["gain"].std(), part["changed"].mean())
        assert (row["runs"], row["mean"], row["median"], row["deviation"], row["above"]) == pytest.approx(expected, abs=1e-8)
    result = stats.kruskal(*[part["gain"] for part in parts.values()])
    assert (found["kruskal"]["statistic"], found["kruskal"]["p"]) == pytest.approx((result.statistic, result.pvalue), rel=1e-6)
    best = max(parts, key=lambda corpus: parts[corpus]["gain"].mean())
    assert found["leaders"]["mean"] == best


@pytest.mark.parametrize("group", FILES)
@pytest.mark.parametrize("model", MODELS)
def test_pairs(compared: Section, group: str, model: str) -> None:
    frame = runs(group)
    frame = frame[frame["model"] == model]
    for name, found in compared.numbers[group][model]["pairs"].items():
        first, second = (frame.loc[frame["corpora"] == corpus, "gain"].to_numpy() for corpus in name.split(" - "))
        result = stats.mannwhitneyu(first, second, method="asymptotic")
        assert found["p"] == pytest.approx(result.pvalue, rel=1e-6)
        assert found["delta"] == pytest.approx(2 * result.statistic / (len(first) * len(second)) - 1, abs=1e-9)
        low, high = found["delta_interval"]
        assert low < found["delta"] < high
        generator = np.random.default_rng(0)
        draws = []
        for _ in range(300):
            x, y = generator.choice(first, len(first)), generator.choice(second, len(second))
            draws.append(np.sign(x[:, None] - y[None, :]).mean())
        assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.05)


def test_holm_is_over_all_eighteen_pairs_and_six_kruskal_wallis_tests(compared: Section) -> None:
    cells = [compared.numbers[group][model] for group in FILES for model in MODELS]
    for tests in ([cell["kruskal"] for cell in cells], [test for cell in cells for test in cell["pairs"].values()]):
        ordered = sorted(tests, key=lambda test: test["p"])
        running = 0.0
        for rank, test in enumerate(ordered):
            running = max(running, min(1.0, test["p"] * (len(tests) - rank)))
            assert test["p_holm"] == pytest.approx(running)
    assert len(ordered) == 18


@pytest.mark.parametrize("group", FILES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("feature", ["characters", "compressed"])
def test_correlations_with_the_texts(correlated: Section, group: str, model: str, feature: str) -> None:
    joined = runs(group).merge(text_columns(), on=["corpora", "index"], validate="many_to_one")
    joined = joined[joined["model"] == model]
    for scope, found in correlated.numbers[group][model]["scopes"].items():
        if scope == "TDEC code":
            part = joined[(joined["corpora"] == "TDEC") & (joined["subset"] == "github")]
        else:
            part = joined if scope == "all" else joined[joined["corpora"] == scope]
        result = stats.spearmanr(part[feature], part["gain"])
        row = found["features"][feature]
        assert found["runs"] == len(part)
        assert (row["rho"], row["p"]) == pytest.approx((result.statistic, result.pvalue), rel=1e-6, abs=1e-12)
        assert row["rho_interval"][0] < row["rho"] < row["rho_interval"][1]


def test_code_and_prose_of_tdec(correlated: Section) -> None:
    joined = runs("dialogue").merge(text_columns(), on=["corpora", "index"])
    for model in MODELS:
        part = joined[(joined["model"] == model) & (joined["corpora"] == "TDEC")]
        code = part["subset"] == "github"
        found = correlated.numbers["dialogue"][model]
        assert found["code"]["code"] == {"runs": int(code.sum()), "gain": pytest.approx(part.loc[code, "gain"].mean())}
        assert found["code"]["prose"] == {"runs": int((~code).sum()), "gain": pytest.approx(part.loc[~code, "gain"].mean())}
        assert found["scopes"]["TDEC"]["features"]["code"]["rho"] == pytest.approx(stats.spearmanr(code, part["gain"]).statistic)
        assert "code" not in found["scopes"]["Git."]["features"]


def test_summary_counts_what_the_numbers_say(correlated: Section) -> None:
    scopes = [(name, scope) for group in FILES for model in MODELS for name, scope in correlated.numbers[group][model]["scopes"].items()]
    inside = [row for name, scope in scopes if name in TEXTS for row in scope["features"].values()]
    found = correlated.numbers["summary"]
    assert found["within"] == len(inside) == 6 * (6 + 5 + 5) and found["pooled"] == 6 * 5
    assert found["within_kept"] == sum(row["p_holm"] < 0.05 for row in inside)
    ordered = sorted(row["p"] for row in inside)
    passing = 0
    while ordered[passing] * (len(ordered) - passing) < 0.05:
        passing += 1
    assert len(found["within_kept_overall"]) == passing
    assert f"{found['within_kept']} of {len(inside)}" in correlated.sentences[1] and f"{passing} remain" in correlated.sentences[1]
