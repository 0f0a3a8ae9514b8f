"""Where a run goes: down instead of up, or anywhere with the same step lengths."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.methods.signs import GOLDEN, add_signs
from gap.models.load import load_model
from gap.models.weights import Snapshot, WeightHasher

IDS = torch.tensor([2, *range(30, 70)])
RANDOM = {"kind": "random", "seed": 4}


def norms(model: Path, gap: object, updates: int, ids: torch.Tensor = IDS) -> list[torch.Tensor]:
    """L2 norm of each tensor's change, update by update."""
    loaded = load_model(model)
    found, before = [], None
    for _ in tiny.updates(loaded, ids, gap, updates):
        if before is not None:
            hasher = WeightHasher(loaded)
            hasher.add(before.live, before.saved)
            found.append(hasher.change().tensor_norms)
        before = Snapshot(loaded)
    return found


def test_descent_lowers_the_loss_and_begins_as_the_mirror_of_ascent(model: Path) -> None:
    down = list(tiny.updates(load_model(model), IDS, tiny.gap(direction={"kind": "descent"}, learning_rate=1e-3), 8))
    assert all(later.loss < earlier.loss for earlier, later in pairwise(down[1:]))
    ups, downs, base = load_model(model), load_model(model), load_model(model)
    list(tiny.updates(ups, IDS, tiny.gap(), 1))
    list(tiny.updates(downs, IDS, tiny.gap(direction={"kind": "descent"}), 1))
    for up, below, old in zip(ups.parameters(), downs.parameters(), base.parameters(), strict=True):
        torch.testing.assert_close(up - old, old - below, rtol=0, atol=1e-7)


def test_random_steps_are_as_long_as_the_ascents_tensor_by_tensor(model: Path) -> None:
    ascent, random = norms(model, tiny.gap(), 4), norms(model, tiny.gap(direction=RANDOM), 4)
    assert len(random) == 4
    for one, other in zip(ascent, random, strict=True):
        # a weight near 1 holds steps of 5e-5 to 1e-3 of their size
        torch.testing.assert_close(one, other, rtol=2e-3, atol=1e-12)


def test_random_goes_its_own_way(model: Path) -> None:
    rows = {seed: list(tiny.updates(load_model(model), IDS, tiny.gap(direction={"kind": "random", "seed": seed}), 3)) for seed in (1, 2)}
    again = list(tiny.updates(load_model(model), IDS, tiny.gap(direction={"kind": "random", "seed": 1}), 3))
    other = list(tiny.updates(load_model(model), IDS.flip(0), tiny.gap(direction={"kind": "random", "seed": 1}), 3))
    assert [row.digest for row in again] == [row.digest for row in rows[1]]
    assert len({rows[1][-1].digest, rows[2][-1].digest, other[-1].digest}) == 3
    assert all(row.real and math.isnan(row.grad_norm) and math.isfinite(row.loss) for row in again[1:])
    # signs do not add up: three steps are about as far as their lengths at right angles
    assert again[-1].distance == pytest.approx(math.sqrt(sum(row.update_norm**2 for row in again[1:])), rel=0.1)


def test_random_skips_what_the_ascent_skipped_and_ends_where_it_diverged(model: Path) -> None:
    scaled = {"precision": "fp16", "loss_scale": 2.0**24}
    ascent = list(tiny.updates(load_model(model), IDS, tiny.gap(**scaled), 12))
    random = list(tiny.updates(load_model(model), IDS, tiny.gap(direction=RANDOM, **scaled), 12))
    assert [(row.real, row.step, row.loss_scale) for row in random] == [(row.real, row.step, row.loss_scale) for row in ascent]
    lost = list(tiny.updates(load_model(model), IDS, tiny.gap(direction=RANDOM, learning_rate=1e36), 9))
    assert lost[-1].diverged and not any(row.diverged for row in lost[:-1])


def splitmix(seed: int, place: int) -> int:
    """SplitMix64 in plain integers: its state starts at ``seed`` and moves by the golden step."""
    mask = 2**64 - 1
    value = (seed + GOLDEN * place) & mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return value ^ (value >> 31)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=3), st.integers(1, 50))
def test_signs_by_an_independent_hash(seeds: list[int], count: int) -> None:
    import hashlib

    start = int.from_bytes(hashlib.sha256(repr(tuple(seeds)).encode()).digest()[:8])
    tensor = torch.zeros(count)
    add_signs(tensor, 0.5, tuple(seeds))
    wanted = [-0.5 if splitmix(start, place) >> 63 else 0.5 for place in range(1, count + 1)]
    assert tensor.tolist() == wanted


def test_signs_are_even_and_independent_of_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    from gap.methods import signs

    whole, parts = torch.zeros(1000, 100), torch.zeros(1000, 100)
    add_signs(whole, 1.0, (1, 2))
    monkeypatch.setattr(signs, "PASS", 777)
    add_signs(parts, 1.0, (1, 2))
    assert torch.equal(whole, parts)
    flat = whole.flatten().numpy()
    assert abs(flat.sum()) < 4 * np.sqrt(flat.size)
    assert abs((flat[1:] * flat[:-1]).sum()) < 4 * np.sqrt(flat.size)
