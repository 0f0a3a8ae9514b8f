"""Other metrics of stored scores: against lm-eval, SciPy and loops; and whether F1 rises because answers are shorter."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lm_eval.api.metrics import brier_score as lm_eval_brier_score
from rescorable import SHAPE, rescorable
from scipy import special
from typer.testing import CliRunner

from gap.cli.main import app
from gap.core.errors import BadInput
from gap.core.files import read_csv, write_json
from gap.core.tables import read_table, write_table
from gap.estimate.item_metrics import BINS, brier_score, calibration_error, distinct, f1_at_equal_length, padded, softmax
from gap.estimate.rescore import answer_values, choice_values, lines, rescore
from gap.runtime.arithmetic import PORTABLE
from gap.tasks.dialogue import unigram_f1
from gap.tasks.items import Dialogue, MultipleChoice, load_items


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    document = rescorable(tmp_path_factory.mktemp("study"))
    rescore(document)
    return document


def test_probabilities_are_scipys_and_the_brier_score_is_lm_evals() -> None:
    draw = np.random.default_rng(1)
    sums, gold = draw.normal(-800, 5, (50, 4)), draw.integers(0, 4, 50)
    found = softmax(sums)
    assert np.allclose(found, special.softmax(sums, axis=1))
    assert brier_score(found, gold).mean() == pytest.approx(lm_eval_brier_score(list(zip(gold, found, strict=True))))


def test_rows_with_fewer_choices_have_no_probability_beyond_them() -> None:
    found = softmax(padded([[-1.0, -2.0, -3.0], [-4.0, -4.0]]))
    assert found[1].tolist() == [0.5, 0.5, 0.0] and found[0].sum() == pytest.approx(1)


def naive_calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    total = 0.0
    for number in range(BINS):
        inside = [at for at, value in enumerate(confidence) if number / BINS < value <= (number + 1) / BINS]
        if inside:
            total += (
                len(inside) / len(confidence) * abs(np.mean([correct[at] for at in inside]) - np.mean([confidence[at] for at in inside]))
            )
    return total


def test_calibration_error_is_that_of_a_loop_over_bins() -> None:
    draw = np.random.default_rng(2)
    confidence, correct = draw.uniform(0.2, 1, 300), draw.uniform(size=300) < 0.6
    assert calibration_error(confidence, correct) == pytest.approx(naive_calibration_error(confidence, correct))
    assert calibration_error(np.ones(4), np.ones(4, dtype=bool)) == 0
    assert calibration_error(np.ones(4), np.array([True, True, False, False])) == 0.5


def test_a_calibrated_model_has_an_error_near_0_with_many_items() -> None:
    draw = np.random.default_rng(3)
    confidence = draw.uniform(0.2, 1, 200000)
    assert calibration_error(confidence, draw.uniform(size=200000) < confidence) < 0.005


def test_accuracy_by_characters_prefers_the_longer_of_equally_probable_texts() -> None:
    items = [MultipleChoice("q", (" abcd", " ab"), 0), MultipleChoice("q", (" ab", " abcd"), 0)]
    rows = pd.DataFrame({"gold": [0, 0], "correct": [False, True], "log_probabilities": [[-6.0, -4.0], [-3.0, -5.0]]})
    found = choice_values(rows, items)
    # per character -1.5 and -2; -1.5 and -1.25
    assert found["acc"].tolist() == [0, 1] and found["acc_norm"].tolist() == [1, 0]


def test_items_with_one_continuation_have_accuracy_alone() -> None:
    rows = pd.DataFrame({"gold": [0], "correct": [False], "log_probabilities": [[-1.0]]})
    assert choice_values(rows, [MultipleChoice("q", (" a",), 0)]) == {"acc": np.array([0.0])}


def test_distinct_counts_different_n_grams() -> None:
    assert distinct(["A b a", "a"], 1) == 2 / 4 and distinct(["a b a b", "a"], 2) == 2 / 3
    assert np.isnan(distinct(["a", ""], 2))
    draw = np.random.default_rng(4)
    answers = [" ".join(draw.choice(["x", "y", "z"], 6)) for _ in range(20)]
    pairs = Counter(pair for said in answers for pair in zip(said.split(), said.split()[1:], strict=False))
    assert distinct(answers, 2) == len(pairs) / sum(pairs.values())


def test_at_equal_length_both_answers_have_as_many_words_that_count() -> None:
    """Articles and punctuation do not; the same by hand."""
    found = f1_at_equal_length("The cat, a dog", "cat bird mouse and more", "cat dog")
    assert found == (unigram_f1("cat dog", "cat dog"), unigram_f1("cat bird", "cat dog")) == (1.0, 0.5)
    assert f1_at_equal_length("", "cat", "cat") == (0.0, 0.0)


def dialogues(count: int, draw: np.random.Generator) -> tuple[list[Dialogue], list[str]]:
    """References, and answers that begin with some of their words and ramble on."""
    references = [" ".join(f"w{number}" for number in draw.integers(0, 30, 6)) for _ in range(count)]
    begun = [" ".join(f"w{number}" for number in draw.integers(0, 30, 5)) for _ in range(count)]
    answers = [f"{text.split()[0]} {start} {' '.join(['so'] * 12)}" for text, start in zip(references, begun, strict=True)]
    return [Dialogue("p", text) for text in references], answers


def test_a_run_that_only_stops_rambling_gains_nothing_at_equal_length() -> None:
    draw = np.random.default_rng(5)
    items, before = dialogues(200, draw)
    after = [" ".join(text.split()[:6]) for text in before]
    rows = pd.DataFrame({"response": after, "f1": [unigram_f1(text, item.reference) for text, item in zip(after, items, strict=True)]})
    found = answer_values(rows, items, before)
    base = np.mean([unigram_f1(text, item.reference) for text, item in zip(before, items, strict=True)])
    assert found["f1"].mean() - base > 0.1
    assert (found["f1_equal_length"] == found["f1_equal_length_base"]).all()
    assert found["words"].mean() == 6


def test_a_run_whose_answers_are_better_gains_at_equal_length_too() -> None:
    draw = np.random.default_rng(6)
    items, before = dialogues(200, draw)
    after = [f"{item.reference} {' '.join(['so'] * 4)}" for item in items]
    rows = pd.DataFrame({"response": after, "f1": [unigram_f1(text, item.reference) for text, item in zip(after, items, strict=True)]})
    found = answer_values(rows, items, before)
    assert (found["f1_equal_length"] - found["f1_equal_length_base"]).mean() > 0.3


def test_the_stage_writes_what_a_loop_over_the_rows_gives(plan: dict[str, Any]) -> None:
    table = read_table(Path(plan["light"]["rescored"]), "rescored")
    planned = {(run["run"], step) for run in plan["runs"] for step in range(1, SHAPE.updates + 1)} | {("base", 0)}
    # one run diverges: its later steps were never scored
    assert set(zip(table["run"], table["step"], strict=True)) < planned
    for entry in plan["scores"]:
        items = load_items(entry["task"], Path(plan["items"][entry["task"]]["validation"]), SHAPE.items)
        rows = read_table(Path(entry["path"]), "item_scores")
        for (run, step), part in rows.groupby(["run", "step"]):
            mine = table[(table["model"] == entry["model"]) & (table["task"] == entry["task"])]
            mine = mine[(mine["run"] == run) & (mine["step"] == step)].set_index("metric")["value"]
            if (run, step) not in planned:
                assert mine.empty
            elif entry["task"] == "blended_skill_talk":
                assert mine["f1"] == pytest.approx(part["f1"].mean())
                assert mine["words"] == pytest.approx(np.mean([len(text.split()) for text in part["response"]]))
            else:
                assert mine["acc"] == pytest.approx(part["correct"].mean())
                right = []
                for sums, item in zip(part.sort_values("item")["log_probabilities"], items, strict=True):
                    by_character = [value / len(text.strip()) for value, text in zip(sums, item.continuations, strict=True)]
                    right.append(by_character.index(max(by_character)) == item.gold)
                assert mine["acc_norm"] == pytest.approx(np.mean(right))


def test_steps_beyond_a_runs_last_are_not_rescored(tmp_path: Path) -> None:
    """One update is skipped, and files hold steps of more updates: the run's last step is below their number."""
    document = rescorable(tmp_path, replace(SHAPE, skipped=1))
    rescore(document)
    steps = read_table(Path(document["light"]["rescored"]), "rescored").groupby("run")["step"].max()
    assert steps.max() == SHAPE.updates - 1


def test_the_summary_agrees_with_the_estimates_of_the_aggregate_stage(plan: dict[str, Any]) -> None:
    mine = pd.read_csv(plan["light"]["rescored_summary"])
    theirs = pd.read_csv(plan["light"]["estimates"])
    theirs = theirs[(theirs["corpus"] == "all") & theirs["policy"].isin(["best", "last"])]
    theirs["task"] = theirs["task"].where(theirs["task"] != "average", theirs["group"])
    merged = theirs.merge(mine[mine["metric"].isin(["acc", "f1"])], on=["model", "method", "policy", "task"])
    assert len(merged) == len(theirs) == 2 * 2 * 5
    assert np.allclose(merged["mean_gain"], merged["change"], atol=2e-6) and (merged["runs_x"] == merged["runs_y"]).all()
    assert set(mine["items"]) == {12, 24}
    whole = mine["metric"].isin(["ece", "distinct_1", "distinct_2"])
    assert mine.loc[whole, "low"].isna().all() and (mine.loc[~whole, "low"].dropna() <= mine.loc[~whole, "change"].dropna()).all()


def test_scores_of_other_items_are_refused(tmp_path: Path) -> None:
    document = rescorable(tmp_path)
    path = Path(document["scores"][0]["path"])
    rows = read_table(path, "item_scores")
    rows.loc[0, "item_hash"] = "0" * 12
    write_table(rows, path, "item_scores")
    with pytest.raises(BadInput, match=r"model huge, task piqa.*12 other items"):
        rescore(document)


def test_the_command_prints_shows_what_is_committed_and_says_what_is_missing(
    plan: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PORTABLE.items():  # as if this process had been started by them: NumPy is loaded
        monkeypatch.setenv(name, value)
    root = Path(__file__).resolve().parents[2]
    shutil.copy(root / "params.yaml", tmp_path)
    shutil.copy(root / "preregistration.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    write_json(Path("results/demo/plan.json"), plan)
    shown = CliRunner().invoke(app, ["rescore", "demo"])
    assert shown.exit_code == 0, shown.output
    expected = lines(list(read_csv(Path(plan["light"]["rescored_summary"]))), "last")
    assert shown.stdout.splitlines()[1:] == expected and "F1 changes by" in expected[-1]
    gone = plan | {"scores": [entry | {"path": "nowhere.parquet"} for entry in plan["scores"]]}
    write_json(Path("results/demo/plan.json"), gone)
    again = CliRunner().invoke(app, ["rescore", "demo"])
    assert "the item scores are not here" in again.stdout.splitlines()[0] and again.stdout.splitlines()[1:] == expected
    write_json(Path("results/demo/plan.json"), gone | {"light": plan["light"] | {"rescored_summary": "none.csv"}})
    refused = CliRunner().invoke(app, ["rescore", "demo"])
    assert isinstance(refused.exception, BadInput) and "dvc pull" in str(refused.exception) and "nowhere.parquet" in str(refused.exception)
