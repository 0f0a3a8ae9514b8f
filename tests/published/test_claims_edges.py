"""All sections on made-up rows: hand-computed numbers, no variation, one corpus, one row, no unmodified row of a corpus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from edge_cases import check_drawn, drawn

from gap.published import rows as released
from gap.published.audit import first_update
from gap.published.names import CORPORA, GROUPS, MODELS
from gap.published.read import Published
from gap.published.section import Sampling, Section
from gap.published.stage import CLAIMS
from gap.published.wording import change, listed, p_text, percent

HOW = Sampling(seed=3, resamples=200, simulations=10)
NAMES = ("figure1", "by_corpus", "by_task", "larger_models", "familiarity", "text_features", "best_step")
BASE = {"350M": 0.25, "1.3B": 0.5, "2.7B": 0.75}
#: A row: model, corpus, index, epoch, gain.
Row = tuple[str, str, int, int, float]


def published(rows: Sequence[Row], texts: pd.DataFrame | None = None) -> Published:
    """Both groups with these rows; every task of a row has the model's base plus the gain."""
    made = {}
    for group in GROUPS:
        tasks = list(GROUPS[group])
        frame = pd.DataFrame(rows, columns=["model", "corpus", "index", "epoch", "gain"])
        for task in tasks:
            frame[task] = frame["model"].map(BASE) + frame["gain"]
        frame["mean"] = frame[tasks].mean(axis=1)
        frame["average"] = frame["mean"]
        made[group] = frame
    strings = [
        {"corpus": corpus, "index": index, "string": "ab " * (index + 1), "subset": "github"} for corpus in CORPORA for index in range(9)
    ]
    return Published(made, pd.DataFrame(strings) if texts is None else texts)


def unmodified(corpora: Sequence[str] = tuple(CORPORA)) -> list[Row]:
    return [(model, corpus, 0, 0, 0.0) for model in MODELS for corpus in corpora]


def section(name: str, data: Published) -> Section:
    return CLAIMS[name](data, HOW)


CASES = {
    "all gains equal": [*unmodified(), *[(m, c, i, 4, 0.01) for m in MODELS for c in CORPORA for i in (1, 2, 3)]],
    "nothing changed": [(m, c, i, 0, 0.0) for m in MODELS for c in CORPORA for i in range(4)],
    "one corpus": [*unmodified(["Git."]), *[(m, "Git.", i, 2 + i, 0.01 * i) for m in MODELS for i in range(1, 6)]],
    "one row each": unmodified(),
    "one model has a single corpus": [*unmodified(["CC"]), ("1.3B", "Git.", 1, 3, 0.02), ("1.3B", "Git.", 2, 5, 0.03)],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_sections_survive_rows_without_variation(name: str, case: str) -> None:
    found = section(name, published(CASES[case]))
    json.dumps(found.numbers, allow_nan=False)
    assert found.sentences and all(text and "nan" not in text.replace("unmodified", "") for text in found.sentences)
    for table in found.tables:
        assert all("nan" not in cell for row in table.cells() for cell in row)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", drawn(CASES))
@pytest.mark.parametrize("name", NAMES)
def test_their_figures_are_drawn(name: str, case: str, tmp_path: Path) -> None:
    check_drawn(section(name, published(CASES[case])), tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_rows_give_the_same_numbers_and_sentences(name: str) -> None:
    rows = [*unmodified(), *[(m, c, i, 2 + i, 0.001 * (i * 7 % 5)) for m in MODELS for c in CORPORA for i in range(1, 9)]]
    first, second = section(name, published(rows)), section(name, published(rows))
    assert json.dumps(first.numbers) == json.dumps(second.numbers) and first.sentences == second.sentences


def test_gains_are_against_the_unmodified_row_of_the_same_corpus() -> None:
    data = published(
        [
            *[("350M", "CC", index, 0, 0.0) for index in (0, 1)],
            ("350M", "TDEC", 0, 0, 0.001),
            ("350M", "TDEC", 1, 3, 0.011),
            ("350M", "Git.", 0, 3, 0.02),
            *[row for row in unmodified() if row[0] != "350M"],
        ]
    )
    found = released.gains(data, "dialogue").set_index(["model", "corpus", "index"])["gain"]["350M"]
    assert found["TDEC"].tolist() == pytest.approx([0.0, 0.01])
    assert found["Git."].tolist() == pytest.approx([0.02]), "no unmodified row of its own: the model's commonest"
    numbers = section("by_corpus", data).numbers["dialogue"]["350M"]
    assert numbers["TDEC"]["above"] == 0.5 and numbers["TDEC"]["above_commonest"] == 1.0
    assert numbers["TDEC"]["baseline"] == pytest.approx(0.251) and numbers["all"]["baseline"] == pytest.approx(0.25)
    changes = released.changes(data, "classification")
    assert changes.loc[3, "copa"] == pytest.approx(0.01)


def test_repeats_of_a_run_are_one_run() -> None:
    rows = [*unmodified(), ("1.3B", "CC", 7, 3, 0.02), ("1.3B", "CC", 7, 0, 0.0)]
    data = published(rows)
    numbers = section("by_corpus", data).numbers["dialogue"]["1.3B"]["CC"]
    assert (numbers["rows"], numbers["runs"]) == (3, 2)
    assert numbers["gain"] == pytest.approx(0.02 / 3) and numbers["above"] == pytest.approx(1 / 3)
    run = section("familiarity", data).numbers["dialogue"]["1.3B"]["corpora"]["CC"]
    assert run["mean"] == pytest.approx(0.005) and run["above"] == pytest.approx(0.25)
    # Wilson's bounds p solve (share - p)^2 = z^2 p (1 - p) / n, with the runs' mean share 1/4 of n = 2 runs.
    for bound in numbers["above_interval"]:
        assert (0.25 - bound) ** 2 == pytest.approx(1.959964**2 * bound * (1 - bound) / 2, rel=1e-5)


def test_rows_that_reach_the_next_size() -> None:
    data = published([*unmodified(), ("350M", "CC", 1, 3, 0.25), ("350M", "CC", 2, 3, 0.125)])
    found = section("larger_models", data).numbers["dialogue"]["350M to 1.3B"]
    assert found["reached"] == 1 and found["reached_by_corpus"] == {"TDEC": 0, "CC": 1, "Git.": 0}
    assert found["closed_best"] == pytest.approx(1.0) and found["closed"] == pytest.approx((1 + 0.5) / 5)
    assert found["times"] == pytest.approx(1.3 / 0.35) and found["tasks_higher"] == 4


def test_without_a_gap_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BASE, "1.3B", 0.25)
    found = section("larger_models", published([*unmodified(), ("350M", "CC", 1, 3, 0.1)]))
    assert found.numbers["dialogue"]["350M to 1.3B"]["closed"] is None
    assert "no gap to close" in found.sentences[0]


def test_corpora_apart_are_told_apart_and_the_leader_is_named() -> None:
    rows = [(m, c, i, 3, 0.001 * (i + 10 * k)) for m in MODELS for k, c in enumerate(CORPORA) for i in range(1, 9)]
    found = section("familiarity", published([*unmodified(["TDEC"]), *rows])).numbers["classification"]["2.7B"]
    assert found["pairs"]["TDEC - Git."]["delta"] == -1.0 and found["pairs"]["CC - Git."]["delta"] == -1.0
    assert found["leaders"]["mean"] == "Git." and found["leaders"]["median"] == "Git."
    assert found["leaders"]["above"] == "tie"
    assert found["pairs"]["TDEC - Git."]["p_holm"] < 0.05


def test_a_text_that_grows_with_the_gain_has_correlation_one() -> None:
    rows = [(m, "TDEC", i, 3, 0.001 * (i + 1)) for m in MODELS for i in range(9)]
    found = section("text_features", published([*unmodified(["CC"]), *rows])).numbers["dialogue"]["350M"]["scopes"]["TDEC"]["features"]
    assert found["words"]["rho"] == pytest.approx(1.0) and found["words"]["rho_interval"] == pytest.approx([1.0, 1.0])
    assert found["vocabulary"]["rho"] == pytest.approx(-1.0)
    assert found["code"] == {"rho": None, "rho_interval": [None, None], "p": 1.0, "p_holm": 1.0}, "all texts are code"


def test_a_best_epoch_of_one_withdraws_the_evidence() -> None:
    epochs = {
        epoch: first_update.section(published([*unmodified(), ("350M", "CC", 1, epoch, 0.1), ("350M", "CC", 2, 2, 0.1)]), HOW)
        for epoch in (1, 2)
    }
    assert epochs[1].numbers["dialogue"]["counts"]["1"] == 1 and epochs[1].title == "Best epoch 1"
    assert ["loss scaler" in " ".join(found.sentences) for found in epochs.values()] == [False, True]


def test_writing_of_numbers() -> None:
    assert listed([]) == "none" and listed(["a"]) == "a" and listed("abc") == "a, b and c"
    assert p_text(0.0004) == "p < 0.001" and p_text(0.25) == "p = 0.250"
    assert change(-0.0123) == "\N{MINUS SIGN}1.23" and change(0.0) == "0.00" and percent(0.5) == "50.0"
