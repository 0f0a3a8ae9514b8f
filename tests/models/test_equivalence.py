"""The proof that a faster path must pass: rounding is allowed, NaN and other shapes are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gap.models.equivalence import UNSUITED, Tolerance, describe_error, prove_equivalent

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("candidate", "tolerance", "reason"),
    [
        ([1.0, -2.0, 100.0], Tolerance(), ""),
        ([1.0, -2.0, 100.0 + 1e-9], Tolerance(), "differ by up to 1e-09 (largest magnitude 1e+02)"),
        ([1.01, -2.01, 100.01], Tolerance(absolute=0.02), ""),
        ([1.0, -2.03, 100.0], Tolerance(absolute=0.02), "differ by up to 0.03 (largest magnitude 1e+02)"),
        ([1.0, -2.0, 100.5], Tolerance(relative=0.01), ""),
        ([1.02, -2.0, 100.0], Tolerance(relative=0.01), "differ by up to 0.02 (largest magnitude 1e+02)"),
        ([1.02, -2.0, 100.0], Tolerance(of_largest=0.01), ""),
        ([1.0, -2.0, 102.0], Tolerance(of_largest=0.01), "differ by up to 2 (largest magnitude 1e+02)"),
        ([1.0, -2.0], Tolerance(absolute=1e9), "have shape [2] instead of [3]"),
        ([1.0, NAN, 100.0], Tolerance(absolute=1e9), "are NaN in 1 of 3 places where the reference has a number"),
        ([1.0, INF, 100.0], Tolerance(relative=1.0), "differ by up to inf (largest magnitude 1e+02)"),
    ],
)
def test_numbers_differ_by_the_tolerance_at_most(candidate: list[float], tolerance: Tolerance, reason: str) -> None:
    reference = [1.0, -2.0, 100.0]
    assert prove_equivalent(np.array(reference), np.array(candidate), tolerance) == reason
    assert prove_equivalent(torch.tensor(reference).double(), torch.tensor(candidate, dtype=torch.float64), tolerance) == reason


def test_what_is_no_number_equals_itself_alone() -> None:
    reference = np.array([NAN, INF, -INF, 1.0])
    assert prove_equivalent(reference, reference.copy(), Tolerance()) == ""
    for index, value in ((0, 1.0), (1, 1.0), (1, -INF), (2, 0.0)):
        candidate = reference.copy()
        candidate[index] = value
        assert "differ by up to" in prove_equivalent(reference, candidate, Tolerance(1e9, 1e9, 1e9))


def test_the_scale_of_small_numbers_is_one() -> None:
    reference, candidate = np.array([1e-6, 0.0]), np.array([1e-6, 1e-3])
    assert prove_equivalent(reference, candidate, Tolerance(of_largest=2e-3)) == ""
    assert prove_equivalent(reference, candidate, Tolerance(of_largest=5e-4)) != ""


def test_half_precision_and_nothing_at_all() -> None:
    assert prove_equivalent(torch.ones(2).bfloat16(), torch.ones(2), Tolerance()) == ""
    assert prove_equivalent(np.zeros(0), np.zeros(0), Tolerance()) == ""


def test_an_error_is_described_by_its_first_line() -> None:
    assert describe_error(ValueError("no such mask\nsecond line")) == "ValueError: no such mask"
    assert describe_error(RuntimeError()) == "RuntimeError: "
    assert not issubclass(KeyboardInterrupt, UNSUITED) and not issubclass(MemoryError, UNSUITED)
