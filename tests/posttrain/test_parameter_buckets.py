"""Norms over many values."""

from __future__ import annotations

import pytest
import torch

from gap.posttrain.parameter_buckets import l2_norm


@pytest.mark.parametrize("shape", [(0,), (1,), (4095,), (4096,), (4097,), (3, 5000), (3000, 1500), (512, 768)])
def test_the_norm_of_many_values_is_that_of_float64(shape: tuple[int, ...]) -> None:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 1e-3
    norm = l2_norm(values)
    assert norm.dtype == torch.float64 and norm.ndim == 0
    assert float(norm) == pytest.approx(float(values.double().norm()), rel=1e-7)
    assert float(l2_norm(values.T if values.ndim == 2 else values)) == pytest.approx(float(norm), rel=1e-7)


def test_a_value_that_is_none_is_seen() -> None:
    values = torch.ones(10_000)
    values[7777] = torch.inf
    assert torch.isinf(l2_norm(values))
    values[1] = torch.nan
    assert torch.isnan(l2_norm(values))
