"""Holm's correction against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.stats.multiple_testing import holm


def test_holm_by_hand() -> None:
    assert holm([]) == [] and holm([0.3]) == [0.3]
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_the_running_maximum_of_the_step_down_products(p_values: list[float]) -> None:
    expected, largest = np.empty(len(p_values)), 0.0
    for rank, index in enumerate(np.argsort(p_values)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        expected[index] = largest
    assert holm(p_values) == expected.tolist()
