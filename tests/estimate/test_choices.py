"""What policies choose: against a loop over halves, and on runs that help only the items that they were chosen on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import Simulation, simulate

from gap.estimate import choices as module
from gap.estimate.choices import Choice, halves, policies, split_half
from gap.estimate.effects import run_means, selection_bias
from gap.estimate.samples import EVERY_TASK, Samples


def gains(samples: Samples, policy: str, average: str = EVERY_TASK) -> np.ndarray:
    """Mean gains of the runs, points."""
    parts = samples.parts("tiny", "up", policy)
    return run_means([parts[task] for task in samples.tasks(average)])


def test_halves_are_chosen_on_one_side_and_reported_on_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HALVES", 8)
    samples = simulate(Simulation(texts=2))
    cube = samples.cubes["tiny", "up"]
    tasks = ["piqa", "copa"]
    choice = split_half(cube, tasks, 1)
    for at in range(len(cube.runs)):
        reported: dict[str, list[float]] = {task: [] for task in tasks}
        for half in range(8):
            held_out = {task: halves(cube.scores[task].shape[2], 1, task)[half] for task in tasks}
            curve = np.mean([cube.scores[task][at][:, ~held_out[task]].mean(axis=1, dtype=float) for task in tasks], axis=0)
            step = int(np.argmax(np.round(curve, 9)))
            for task in tasks:
                reported[task].append(float(cube.differences(task)[at, step, held_out[task]].mean(dtype=float)))
        for task in tasks:
            assert choice.apply(cube.differences(task), task)[at].mean(dtype=float) == pytest.approx(np.mean(reported[task]), abs=1e-4)


def test_every_item_is_held_out_of_one_half_and_models_share_the_halves() -> None:
    drawn = halves(41, 3, "piqa")
    assert set(drawn.sum(axis=1)) == {20, 21} and (drawn.mean(axis=0) == 0.5).all()
    assert np.array_equal(drawn, halves(41, 3, "piqa")) and not np.array_equal(drawn, halves(41, 3, "copa"))


def test_noise_fools_the_papers_policy_and_not_split_half() -> None:
    """No update does anything on average: the best of many steps is above zero all the same."""
    found = [simulate(Simulation(steps=8, texts=6, run=0, item=0, cell=0.4, seed=seed)) for seed in range(12)]
    best, honest = ([gains(samples, policy).mean() for samples in found] for policy in ("best", "split_half"))
    assert min(best) > 0.5
    assert abs(np.mean(honest)) < 3 * np.std(honest, ddof=1) / np.sqrt(len(honest)) + 0.1
    bias = [selection_bias(samples).query("policy == 'best' and task == 'every_task'").iloc[0] for samples in found]
    assert all(row["low"] > 0 for row in bias)
    assert np.mean([row["difference"] for row in bias]) == pytest.approx(np.mean(best) - np.mean(honest), abs=1e-3)


def test_a_run_that_helps_only_the_half_it_was_chosen_on() -> None:
    samples = simulate(Simulation(tasks=(("piqa", 40),), texts=1, steps=1, corpora=("seen",)))
    cube = samples.cubes["tiny", "up"]
    scores = np.full((1, 2, 40), 50, dtype=np.float32)
    scores[0, 1, :20] += 10
    scores[0, 1, 20:] -= 9
    rigged = replace(cube, scores={"piqa": scores})
    held_out = np.array([[False] * 20 + [True] * 20])
    chosen = np.where(~held_out, rigged.scores["piqa"][0, 1] > 50, False).any()
    assert chosen and Choice(np.array([[1]])).apply(rigged.differences("piqa"), "piqa").mean() == pytest.approx(0.5)
    assert Choice(np.array([[1]]), {"piqa": held_out}).apply(rigged.differences("piqa"), "piqa").mean() == pytest.approx(-9)


def test_a_true_gain_is_seen_by_all_policies() -> None:
    samples = simulate(Simulation(texts=10, shift=lambda corpus, steps: np.full(len(steps), 0.4)))
    assert all(gains(samples, policy).mean() > 4 for policy in policies(samples.study))


def test_a_run_that_ended_early_counts_with_its_last_step() -> None:
    samples = simulate(Simulation(texts=2, fixed_step=3))
    cube = samples.cubes["tiny", "up"]
    for values in cube.scores.values():
        values[0, 2:] = np.nan
    assert samples.choice(cube, "fixed_step", "piqa").positions.tolist() == [[1, 3, 3, 3]]
    assert samples.choice(cube, "split_half", "piqa").positions[:, 0].max() <= 1
    assert not np.isnan(gains(samples, "split_half")).any()
