"""Verdicts: identical results pass, one flipped item beyond the tolerance does not, and noise as measured passes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gap.core.errors import BadInput
from gap.verify.compare import averages, compare, differences_of_making, repeat, tolerances

TASKS = {
    "piqa/validation": {"group": "classification", "items": 20},
    "copa/validation": {"group": "classification", "items": 10},
    "blended_skill_talk/validation": {"group": "dialogue", "items": 20},
}
RUNS = [f"tiny/{method}/seen/{text}/{step}" for method in ("up", "down") for text in range(6) for step in (1, 2, 10)]
NAMES = ["tiny/base", "huge/base", *RUNS]


def made(seed: int = 0) -> dict[str, Any]:
    """A snapshot with scores drawn at random."""
    draw = np.random.default_rng(seed)
    checkpoints = {
        name: [
            [int(draw.integers(3, 18)), float(draw.normal(-900, 50))],
            [int(draw.integers(2, 8)), float(draw.normal(-300, 20))],
            [round(float(draw.uniform(1, 3)), 6), float(draw.normal(-600, 30))],
        ]
        for name in NAMES
    }
    floor = {group: {"score": 0.0, "log_probability": 2e-5} for group in ("classification", "dialogue")}
    conditions = {"arithmetic": "portable", "machine": "x86_64", "torch": "2.13"}
    return {
        "study": "made-up",
        "settings": {"gap": {"learning_rate": 0.001}, "evaluate": {"items": 20}},
        "seed": 1,
        "inputs": {"Python": "3.11.7"},
        "made": conditions,
        "tasks": TASKS,
        "tables": {f"tiny/{task}": "0" for task in TASKS},
        "floor": floor,
        "repeats": [],
        "checkpoints": checkpoints,
    }


def noisy(expected: dict[str, Any], seed: int, scale: float, **conditions: str) -> dict[str, Any]:
    """The same with noise of ``scale`` (fraction of the items) on each sum of scores, ten times that in nats, made under other conditions."""
    draw, found = np.random.default_rng(seed), copy.deepcopy(expected)
    for sums in found["checkpoints"].values():
        for task, pair in zip(TASKS.values(), sums, strict=True):
            pair[0] += float(draw.normal(0, scale)) * task["items"]
            pair[1] += float(draw.normal(0, scale)) * task["items"] * 10
    return found | {"tables": {name: f"{seed} {scale}" for name in expected["tables"]}, "made": expected["made"] | conditions}


def test_identical_results_are_expected_bit_for_bit() -> None:
    verdict = compare(made(), made(), "file")
    assert verdict.expected and "bit for bit" in verdict.line and verdict.numbers["bit_for_bit"] is True and not verdict.beyond


@settings(max_examples=60)
@given(name=st.sampled_from(NAMES), place=st.integers(0, 1), up=st.booleans())
def test_one_flipped_item_is_different_and_named(name: str, place: int, *, up: bool) -> None:
    found = made()
    found["tables"] = {key: "1" for key in found["tables"]}
    found["checkpoints"][name][place][0] += 1 if up else -1
    verdict = compare(made(), found, "file")
    task = list(TASKS)[place]
    assert not verdict.expected and verdict.line.startswith("different")
    assert any(name in sentence and task in sentence and "score" in sentence for sentence in verdict.beyond)
    assert not any(other in sentence for sentence in verdict.beyond for other in NAMES if other != name and other not in name)


def test_changes_within_the_floor_are_expected_but_not_bit_for_bit() -> None:
    found = noisy(made(), 1, 0.0)
    for sums in found["checkpoints"].values():
        for task, pair in zip(TASKS.values(), sums, strict=True):
            pair[1] += 1e-5 * task["items"]
    verdict = compare(made(), found, "file")
    assert verdict.expected and verdict.numbers["bit_for_bit"] is False and "noise floor of scoring alone" in verdict.line
    for sums in found["checkpoints"].values():
        sums[0][1] += 2e-4 * 20
    assert not compare(made(), found, "file").expected


def test_averages_and_gains_are_those_of_a_loop() -> None:
    snapshot = made(3)
    found = averages(snapshot, NAMES)
    rows = snapshot["checkpoints"]

    def score(name: str) -> float:
        return (rows[name][0][0] / 20 + rows[name][1][0] / 10) / 2

    assert found["score", "classification"] == pytest.approx({name: score(name) for name in NAMES})
    assert found["log_probability", "dialogue"]["huge/base"] == pytest.approx(rows["huge/base"][2][1] / 20)
    gain = np.mean([score(f"tiny/up/seen/{text}/10") - score("tiny/base") for text in range(6)])
    assert found["gain", "classification"]["tiny/up"] == pytest.approx(gain) and len(found["gain", "dialogue"]) == 2


def test_the_kind_of_difference_is_found_and_said() -> None:
    before = made()
    assert differences_of_making(before, made()) == ("", [])
    assert differences_of_making(before, before | {"seed": 2}) == ("text", ["seed 2 in place of 1"])
    other = before | {"inputs": {"Python": "3.13.1"}, "made": before["made"] | {"torch": "2.14"}}
    assert differences_of_making(before, other) == ("text", ["Python 3.13.1 in place of 3.11.7", "torch 2.14 in place of 2.13"])
    fast = before | {"made": before["made"] | {"arithmetic": "fast"}}
    assert differences_of_making(before, fast) == ("machine", ["arithmetic fast in place of portable"])
    assert differences_of_making(fast, fast) == ("machine", [])


def with_repeats(scale: float, count: int = 3) -> dict[str, Any]:
    expected = made()
    repeats = [repeat(expected, noisy(expected, 100 + number, scale, arithmetic="fast"), f"r{number}") for number in range(count)]
    return expected | {"repeats": repeats}


def test_noise_as_large_as_the_repeats_passes_and_larger_does_not() -> None:
    expected = with_repeats(0.01)
    passed = [compare(expected, noisy(expected, seed, 0.01, arithmetic="fast"), "file").expected for seed in range(60)]
    assert np.mean(passed) >= 0.95
    assert not any(compare(expected, noisy(expected, seed, 0.05, arithmetic="fast"), "file").expected for seed in range(20))
    # of another kind no repeat is known, so the same noise is too much
    assert not compare(expected, noisy(expected, 1, 0.01) | {"seed": 2}, "file").expected


def test_a_shift_that_single_checkpoints_hide_shows_in_the_mean_gain() -> None:
    """Every checkpoint but the unmodified models moves by half its tolerance; the means of 6 runs do not hide it."""
    expected = with_repeats(0.01)
    names = list(expected["checkpoints"])
    limits = tolerances(expected, "machine", {key: len(values) for key, values in averages(expected, names).items()})
    found = noisy(expected, 5, 0.0, arithmetic="fast")
    for name, sums in found["checkpoints"].items():
        if not name.endswith("base"):
            sums[2][0] += 0.9 * limits["score", "dialogue"] * 20
    beyond = compare(expected, found, "file").beyond
    assert beyond and all("gain in dialogue" in sentence for sentence in beyond)


def test_tolerances_are_the_larger_of_floor_and_repeats() -> None:
    counts = {("score", "classification"): 50, ("gain", "classification"): 2}
    expected = with_repeats(0.01)
    rms = np.sqrt(np.mean([each["rms"]["score"]["classification"] ** 2 for each in expected["repeats"]]))
    limits = tolerances(expected, "machine", counts)
    assert limits["score", "classification"] == pytest.approx(rms * 3.7265, rel=1e-3)  # normal quantile of 1 - 0.01 / 104
    for count in (1, 2):
        few = with_repeats(0.01, count)
        rms = np.sqrt(np.mean([each["rms"]["score"]["classification"] ** 2 for each in few["repeats"]]))
        limit = tolerances(few, "machine", counts)["score", "classification"]
        assert limit == pytest.approx(rms * stats.t.ppf(0.975, count), rel=1e-3)
    expected["floor"]["classification"]["score"] = 0.2
    limits = tolerances(expected, "machine", counts)
    assert limits["score", "classification"] == pytest.approx(0.2, abs=1e-5) and limits["gain", "classification"] == pytest.approx(
        0.4, abs=1e-5
    )


def test_what_cannot_be_compared_is_refused() -> None:
    for change, match in (
        ({"settings": {"gap": {"learning_rate": 0.1}, "evaluate": {"items": 20}}}, r"other settings \(gap\)"),
        ({"checkpoints": {name: made()["checkpoints"][name] for name in NAMES[:-1]}}, rf"no checkpoint {NAMES[-1]}"),
        ({"tasks": {name: task for name, task in TASKS.items() if "copa" not in name}}, "no task copa/validation"),
        ({"tasks": TASKS | {"copa/validation": {"group": "classification", "items": 9}}}, "9 items of copa/validation"),
    ):
        with pytest.raises(BadInput, match=match):
            compare(made(), made() | change, "file")
    with pytest.raises(BadInput, match="the expected results, bit for bit"):
        repeat(made(), made(), "same")
    other = noisy(made(), 1, 0.01)
    known = made() | {"repeats": [repeat(made(), other, "first")]}
    with pytest.raises(BadInput, match="repeat 'first', bit for bit"):
        repeat(known, other, "second")
    assert repeat(known, other, "first") == known["repeats"][0]


def test_more_results_than_expected_are_left_out() -> None:
    found = made()
    found["checkpoints"] = found["checkpoints"] | {"tiny/up/seen/9/1": [[1, -1.0]] * 3}
    assert compare(made(), found | {"tables": {}}, "file").expected
