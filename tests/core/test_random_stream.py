"""Choices that hang on a key alone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap.core.random_stream import RandomStream


def test_the_choices_are_the_same_everywhere() -> None:
    stream = RandomStream("procedural", 1, "{}", 0)
    assert [stream.below(1000) for _ in range(8)] == [347, 855, 25, 744, 458, 593, 370, 774]
    assert [stream.choice("abcdef") for _ in range(8)] == ["b", "d", "d", "d", "c", "e", "b", "d"]


def test_the_parts_of_a_key_are_kept_apart() -> None:
    assert len({RandomStream(*key).below(2**63) for key in (("a", "bc"), ("ab", "c"), ("abc",))}) == 3
    assert RandomStream(1, "x").below(2**63) == RandomStream("1", "x").below(2**63)


@given(st.text(), st.integers(1, 2**63), st.integers(-100, 100), st.integers(0, 100))
def test_numbers_lie_in_their_range(key: str, limit: int, first: int, more: int) -> None:
    stream = RandomStream(key)
    assert 0 <= stream.below(limit) < limit
    assert first <= stream.between(first, first + more) <= first + more


def test_all_numbers_are_equally_likely() -> None:
    stream = RandomStream("even")
    counts = Counter(stream.between(3, 9) for _ in range(70_000))
    assert set(counts) == set(range(3, 10))
    # five standard deviations of a count of 10,000
    assert max(abs(count - 10_000) for count in counts.values()) < 5 * (10_000 * 6 / 7) ** 0.5


@pytest.mark.parametrize("limit", [0, -1, 2**63 + 1])
def test_an_impossible_limit_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="limit from 1"):
        RandomStream().below(limit)
    with pytest.raises(ValueError, match="limit from 1"):
        RandomStream().choice([])
