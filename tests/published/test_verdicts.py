"""Verdicts from the released rows: recomputed from the raw CSVs, never stronger than a best epoch allows."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gap.params.preregistration import NOT_SUPPORTED, SUPPORTED, UNDECIDED, Preregistration
from gap.params.preregistration_file import read_preregistration
from gap.published.names import CORPORA, GROUPS, MODELS
from gap.published.read import Published, read_published
from gap.published.verdicts import verdicts

MIRROR = os.environ.get("GAP_MIRROR")
FOLDER = Path(MIRROR or "") / "upstream_gap"
RULES = Preregistration.model_validate(read_preregistration("published", Path(__file__).parents[2] / "preregistration.yaml"))


def raw() -> pd.DataFrame:
    """One row per run that both files hold: the mean gain over 12 tasks in points, and the scores of the unmodified model."""
    parts = []
    for name, tasks in (("dialog.csv", 4), ("classification.csv", 8)):
        frame = pd.read_csv(FOLDER / "full_results" / name)
        frame["score"] = frame.filter(regex="/(acc|f1)$").mean(axis=1) * 100
        base = frame[frame["epoch"] == 0].groupby(["model", "corpora"])["score"].first().rename("base").reset_index()
        usual = (
            frame[frame["epoch"] == 0].groupby("model")["score"].agg(lambda scores: scores.round(9).mode()[0]).rename("usual").reset_index()
        )
        frame = frame.merge(base, how="left").merge(usual)
        frame["gain"] = (frame["score"] - frame["base"].fillna(frame["usual"])) * tasks / 12
        frame["level"] = frame["usual"] * tasks / 12
        parts.append(frame.groupby(["model", "corpora", "index"])[["gain", "level"]].mean())
    return (parts[0] + parts[1]).dropna().reset_index()


@pytest.mark.skipif(MIRROR is None, reason="GAP_MIRROR names no folder with the authors' files")
def test_the_numbers_are_those_of_the_rows() -> None:
    found = verdicts(read_published(FOLDER / "full_results", FOLDER / "data/train_data"), RULES)["claims"]
    runs = raw()
    levels = runs.groupby("model")["level"].first()
    for model, larger in (("350M", "1.3B"), ("1.3B", "2.7B"), ("2.7B", None)):
        mine = runs[runs["model"] == model]
        gain = found["gain"]["models"][model]["all"]
        assert (gain["estimate"], gain["runs"]) == (pytest.approx(mine["gain"].mean(), abs=1e-4), len(mine))
        half = stats.t.ppf(0.975, len(mine) - 1) * mine["gain"].std() / len(mine) ** 0.5
        assert gain["high"] - gain["estimate"] == pytest.approx(half, abs=2e-4)
        ahead = found["larger"]["models"][model]["all"]
        if larger is None:
            assert "estimate" not in ahead and "no row of a larger model" in ahead["reason"]
        else:
            assert ahead["estimate"] == pytest.approx(mine["gain"].mean() + levels[model] - levels[larger], abs=1e-4)
            assert ahead["high"] - ahead["estimate"] > half, "items count too"
        wide = mine.pivot(index="index", columns="corpora", values="gain")
        differences = {name: (wide["Git."] - wide[name]).dropna() for name in ("TDEC", "CC")}
        weakest = min(differences, key=lambda name: differences[name].mean())
        corpora = found["corpora"]["models"][model]["all"]
        assert (corpora["against"], corpora["runs"]) == (weakest, len(differences[weakest]))
        assert corpora["estimate"] == pytest.approx(differences[weakest].mean(), abs=1e-4)
    said = {claim: [row["all"]["verdict"] for row in entry["models"].values()] for claim, entry in found.items()}
    assert said["larger"] == [NOT_SUPPORTED, UNDECIDED, UNDECIDED]
    assert {verdict for claim in ("gain", "corpora", "steps") for verdict in said[claim]} == {UNDECIDED}


def published(texts: int, gain: float) -> Published:
    """Every model has an unmodified row and ``texts`` runs per corpus; every task of a run gains ``gain`` and a little more."""
    random = np.random.default_rng(0)
    cells = [(model, corpus, index) for model in MODELS for corpus in CORPORA for index in range(texts + 1)]
    frame = pd.DataFrame(cells, columns=["model", "corpus", "index"])
    frame["epoch"] = (frame["index"] > 0) * 3
    scores = frame["model"].map({"350M": 0.1, "1.3B": 0.35, "2.7B": 0.6}) + (frame["epoch"] > 0) * (
        gain + 0.001 * random.random(len(frame))
    )
    rows = {group: frame.assign(mean=scores, average=scores, **{task: scores for task in GROUPS[group]}) for group in GROUPS}
    return Published(rows, pd.DataFrame())


@pytest.mark.parametrize("gain", [0.0, 0.1, 0.4])
def test_no_claim_is_supported_by_best_epochs(gain: float) -> None:
    """Base scores lie 25 points apart: +40 points exceed the next size, and are still chosen by what they report."""
    claims = verdicts(published(30, gain), RULES)["claims"]
    assert SUPPORTED not in {row["verdict"] for claim in claims.values() for model in claim["models"].values() for row in model.values()}
    assert claims["larger"]["models"]["350M"]["all"]["verdict"] == (UNDECIDED if gain == 0.4 else NOT_SUPPORTED)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("epoch", [0, 3])
def test_runs_that_do_not_differ_have_no_test(epoch: int) -> None:
    """All at the unmodified model, or all gain the same: no spread, so no standard error to judge by."""
    data = published(30, 0.1)
    for group, frame in data.rows.items():
        base = frame["model"].map(frame[frame["epoch"] == 0].groupby("model")["mean"].first())
        scores = base + 0.125 * ((frame["epoch"] > 0) & (epoch > 0))
        data.rows[group] = frame.assign(epoch=frame["epoch"].clip(upper=epoch), mean=scores, **dict.fromkeys(GROUPS[group], scores))
    claims = verdicts(data, RULES)["claims"]
    for claim in ("gain", "corpora"):
        row = claims[claim]["models"]["350M"]["without texts 0"]
        assert row["verdict"] == UNDECIDED and "estimate" not in row


def test_too_few_runs_and_a_bound_within_what_was_tried() -> None:
    few = verdicts(published(1, 0.01), RULES)["claims"]
    assert few["larger"]["models"]["350M"]["all"]["reason"] == "6 runs, and 10 are required"
    assert few["corpora"]["models"]["1.3B"]["without texts 0"]["verdict"] == UNDECIDED
    within = RULES.model_copy(update={"steps": RULES.steps.model_copy(update={"bound": 5})})
    assert "best epoch alone" in verdicts(published(30, 0.1), within)["claims"]["steps"]["models"]["1.3B"]["all"]["reason"]
