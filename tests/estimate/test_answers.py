"""Where gains come from: a shift of the answers' prior alone, and longer answers alone, are told from better ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import Simulation, simulate

from gap.estimate.answers import choice_shares, gain_at_equal_length, lengths
from gap.estimate.cubes import Cube


def cube(task: str, answers: np.ndarray, scores: np.ndarray) -> Cube:
    """One run, two steps."""
    made = simulate(Simulation(tasks=((task, answers.shape[1]),), texts=1, steps=1, corpora=("seen",))).cubes["tiny", "up"]
    return replace(made, answers={task: answers[None].astype(np.int16)}, scores={task: scores[None].astype(np.float32)})


def test_a_gain_that_only_moves_the_prior_goes_away_at_the_first_shares() -> None:
    """Answers carry nothing of the gold: "yes" is right more often, and after the update is said more often."""
    draw = np.random.default_rng(1)
    gold = (draw.uniform(size=20000) < 0.3).astype(int)
    answers = np.stack([(draw.uniform(size=20000) < 0.5).astype(int), (draw.uniform(size=20000) < 0.1).astype(int)])
    found = choice_shares(cube("pubmed_qa", answers, 100 * (answers == gold)), "pubmed_qa", 1, np.array([0]))
    assert found["score"] > 65 and found["score at the first shares"] == pytest.approx(50, abs=2)
    assert found["choice 0"] == pytest.approx(0.9, abs=0.01) and found["choice 0"] + found["choice 1"] == pytest.approx(1)


def test_at_the_first_shares_the_unmodified_model_has_its_own_score() -> None:
    draw = np.random.default_rng(2)
    answers, gold = draw.integers(0, 3, (2, 200)), draw.integers(0, 3, 200)
    found = choice_shares(cube("pubmed_qa", answers, 100 * (answers == gold)), "pubmed_qa", 0, np.array([0]))
    assert found["score at the first shares"] == pytest.approx(found["score"])


def test_a_gain_of_shorter_answers_goes_away_at_equal_length() -> None:
    draw = np.random.default_rng(3)
    before = draw.integers(5, 20, 4000)
    after = before - draw.integers(0, 4, 4000)
    noise = draw.normal(0, 1, (2, 4000))
    scores = 60 - 2.0 * np.stack([before, after]) + noise
    found = lengths(cube("blended_skill_talk", np.stack([before, after]), scores), "blended_skill_talk", 1, np.array([0]))
    assert (
        found["score"]
        - lengths(cube("blended_skill_talk", np.stack([before, after]), scores), "blended_skill_talk", 0, np.array([0]))["score"]
        > 2
    )
    assert found["gain at the same length"] == pytest.approx(0, abs=0.2) and found["gain at no change of length"] == pytest.approx(
        0, abs=0.2
    )
    assert found["same length"] == pytest.approx(0.25, abs=0.03)


def test_the_intercept_is_that_of_least_squares() -> None:
    draw = np.random.default_rng(4)
    more, difference = draw.integers(-3, 4, (5, 8)), draw.normal(size=(5, 8))
    assert gain_at_equal_length(more, difference) == pytest.approx(np.polyfit(more.ravel(), difference.ravel(), 1)[1])
    assert gain_at_equal_length(np.zeros((2, 3)), np.ones((2, 3))) == 1
