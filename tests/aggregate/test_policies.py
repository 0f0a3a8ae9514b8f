"""Policies: the stopping rule against a plain re-telling of it, and the choice of steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.aggregate.policies import POLICIES, detailed_names, policy_names
from gap.aggregate.stopping_rule import stop
from gap.core.errors import BadInput

FALLING = np.array([0.5, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])


def every(count: int) -> list[int]:
    """Steps by tried updates when none is skipped."""
    return list(range(count))


@pytest.mark.parametrize(
    ("values", "policy", "stopped", "step"),
    [
        ([0.5, 0.4, 0.3], "best", 2, 0),
        ([0.5, 0.6, 0.6], "best", 2, 1),
        ([0.5, 0.6, 0.6 + 1e-15], "best", 2, 1),
        ([0.5, 0.4, 0.7], "authors", 1, 0),
        ([0.5, 0.4, 0.7], "best", 1, 2),
        ([0.5, 0.4, 0.3], "last", 1, 2),
        ([0.5], "last", 0, 0),
    ],
)
def test_choose(values: list[float], policy: str, stopped: int, step: int) -> None:
    assert POLICIES[policy].choose(np.array(values), stopped) == step


def test_an_unknown_policy_is_an_error() -> None:
    with pytest.raises(BadInput, match="the unknown name 'median'"):
        POLICIES["median"]
    assert policy_names()[:3] == ["best", "authors", "last"] and detailed_names()[:2] == ["best", "last"]


def test_stop_looks_from_the_sixth_update_and_has_patience_two() -> None:
    assert stop([FALLING, FALLING], every(9)) == 7
    assert stop([FALLING[:7], FALLING[:7]], every(7)) == 6  # one bad look only


def test_stop_needs_both_groups_below_their_maximum() -> None:
    rising = np.linspace(0.1, 0.9, 9)
    assert stop([FALLING, rising], every(9)) == 8
    assert stop([FALLING], every(9)) == 7


def test_reaching_the_maximum_is_not_below_it() -> None:
    level = np.full(9, 0.5)
    assert stop([level, level], every(9)) == 8


def test_bad_looks_need_not_be_in_a_row() -> None:
    values = np.array([0.5, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4, 0.7, 0.6, 0.7])
    assert stop([values, values], every(10)) == 8


def test_skipped_updates_count_as_looks() -> None:
    # two skipped updates, then five steps: the looks at updates 6 and 7 see steps 4 and 5
    values = np.array([0.5, 0.6, 0.4, 0.4, 0.4, 0.4])
    assert stop([values, values], [0, 0, 0, 1, 2, 3, 4, 5]) == 5
    longer = np.append(values, 0.9)
    assert stop([longer, longer], [0, 0, 0, 1, 2, 3, 4, 5, 6]) == 5


def test_the_rule_looks_at_scored_steps_alone() -> None:
    """FALLING at steps 0, 1, 6, 7 and 8 is looked at from update 6 on; at 0, 4 and 8 once, so that the run ends at its last step."""
    steps = [0, 1, 6, 7, 8]
    assert stop([FALLING[steps]], every(9), steps) == 7
    assert stop([FALLING[[0, 4, 8]]], every(9), [0, 4, 8]) == 8
    assert stop([FALLING[[0, 4]]], every(9), [0, 4]) == 4
    assert stop([FALLING[[0]]], every(3), [0]) == 0


def told_again(dialogue: list[float], classification: list[float]) -> int:
    """The authors' callback as a loop over validations, counting from 0, with the unmodified model seen first."""
    top_dialogue, top_classification, count = dialogue[0], classification[0], 0
    for epoch in range(len(dialogue) - 1):
        now = dialogue[epoch + 1], classification[epoch + 1]
        if epoch >= 5:
            if now[0] < top_dialogue and now[1] < top_classification:
                count += 1
            if count >= 2:
                return epoch + 1
        top_dialogue, top_classification = max(now[0], top_dialogue), max(now[1], top_classification)
    return len(dialogue) - 1


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20))
def test_stop_agrees_with_the_callback(pairs: list[tuple[int, int]]) -> None:
    dialogue, classification = ([value / 8 for value in values] for values in zip(*pairs, strict=True))
    assert stop([np.array(dialogue), np.array(classification)], every(len(pairs))) == told_again(dialogue, classification)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 19))
def test_authors_between_base_and_best(values: list[float], stopped: int) -> None:
    curve = np.array(values)
    best, authors = (curve[POLICIES[policy].choose(curve, stopped)] for policy in ("best", "authors"))
    assert best >= authors - 1e-12 >= curve[0] - 2e-12
