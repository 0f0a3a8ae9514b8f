from __future__ import annotations

import math
from pathlib import Path

import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gap.models import weights
from gap.models.load import load_model
from gap.models.weights import Snapshot, WeightChange, weights_digest


def small(*shapes: tuple[int, ...], seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    module = nn.Module()
    for number, shape in enumerate(shapes):
        module.register_parameter(f"p{number}", nn.Parameter(torch.randn(*shape)))
    return module


def change(module: nn.Module, before: Snapshot) -> WeightChange:
    """What happened to the weights since ``before`` was taken."""
    hasher = weights.WeightHasher(module)
    hasher.add(before.live, before.saved)
    return hasher.change()


def flip(tensor: torch.Tensor, place: int, bit: int) -> None:
    whole = tensor.detach().view(-1).view(torch.int32)
    whole[place] ^= torch.tensor(1 << bit if bit < 31 else -(1 << 31), dtype=torch.int32)


@settings(max_examples=40)
@given(st.integers(0, 3 * 7 + 5 - 1), st.integers(0, 31))
def test_any_flipped_bit_changes_the_digest_and_counts_as_moved(place: int, bit: int) -> None:
    module = small((3, 7), (5,))
    before, kept = weights_digest(module), Snapshot(module)
    parameter, inside = (module.p0, place) if place < 21 else (module.p1, place - 21)
    flip(parameter, inside, bit)
    done = change(module, kept)
    assert done.digest == weights_digest(module) != before
    assert done.changed_fraction == pytest.approx(1 / 26)
    kept.restore()
    assert weights_digest(module) == before


@settings(max_examples=25)
@given(st.lists(st.integers(0, 25), min_size=2, max_size=2, unique=True))
def test_exchanged_weights_change_the_digest(places: list[int]) -> None:
    module = small((26,))
    before = weights_digest(module)
    with torch.no_grad():
        module.p0[places] = module.p0[places[::-1]].clone()
    assert weights_digest(module) != before


def test_passes_of_any_size_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    module = small((400, 500), (3,), (70_000,), (1,))
    kept = Snapshot(module)
    with torch.no_grad():
        module.p0 += 1e-3
        module.p2[::2] *= 1.5
    whole = change(module, kept)
    monkeypatch.setattr(weights, "PASS", {"cpu": 1 << 16})
    cut = change(module, kept)
    assert (cut.digest, cut.changed_fraction) == (whole.digest, whole.changed_fraction)
    assert cut.norm == pytest.approx(whole.norm, rel=1e-12)
    apart = [live.double() - old.double() for live, old in zip(kept.live, kept.saved, strict=True)]
    assert whole.norm == pytest.approx(math.sqrt(sum(float(one.square().sum()) for one in apart)), rel=1e-6)
    changed_fraction = sum(int((live != old).sum()) for live, old in zip(kept.live, kept.saved, strict=True))
    assert whole.changed_fraction == pytest.approx(changed_fraction / 270_004)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 150_000), min_size=2, max_size=5), st.data())
def test_tensors_may_be_added_in_any_groups(sizes: list[int], data: st.DataObject) -> None:
    module = small(*[(size,) for size in sizes])
    kept = Snapshot(module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter[:: data.draw(st.integers(1, 9))] += 0.5
    cut = data.draw(st.integers(1, len(sizes) - 1))
    hasher = weights.WeightHasher(module)
    hasher.add(kept.live[:cut], kept.saved[:cut])
    hasher.add(kept.live[cut:], kept.saved[cut:])
    parts, whole = hasher.change(), change(module, kept)
    assert (parts.digest, parts.changed_fraction) == (whole.digest, whole.changed_fraction) and whole.digest == weights_digest(module)
    apart = torch.stack([(live.double() - old.double()).norm() for live, old in zip(kept.live, kept.saved, strict=True)])
    torch.testing.assert_close(parts.tensor_norms, apart, rtol=1e-6, atol=0)
    assert parts.norm == pytest.approx(float(apart.norm()), rel=1e-6) == kept.distance()


def test_a_compact_snapshot_loses_no_bit() -> None:
    module = small((40, 3), (7,))
    assert weights.exact_dtype(Snapshot(module).live) == torch.float32
    for dtype in (torch.float16, torch.bfloat16):
        rounded = small((40, 3), (7,))
        with torch.no_grad():
            rounded.p1[0] = 0.25 if dtype == torch.float16 else 1e-30  # the latter is 0 in float16
        rounded = rounded.to(dtype).float()
        before, kept = weights_digest(rounded), Snapshot(rounded, offload=True, compact=True)
        assert kept.saved[0].dtype == dtype and sum(tensor.nbytes for tensor in kept.saved) == 2 * 127
        with torch.no_grad():
            rounded.p0.mul_(1.1)
        assert kept.distance() == pytest.approx(float((rounded.p0.detach() - kept.saved[0].float()).norm()), rel=1e-6)
        kept.restore()
        assert weights_digest(rounded) == before
    with torch.no_grad():
        rounded.p1[1] = 0.1  # in neither
    assert weights.exact_dtype(list(rounded.parameters())) == torch.float32


def test_digest_by_an_independent_sum() -> None:
    module = small((3, 4), (2,))
    bits = torch.cat([parameter.detach().view(-1) for parameter in module.parameters()]).view(torch.int32).tolist()
    low, high = weights._multipliers(1, torch.device("cpu"))
    wrapped = sum(value * int(factor) * int(high[0]) for value, factor in zip(bits, low.tolist(), strict=False)) % 2**64
    hasher = weights.WeightHasher(module)
    hasher.add([parameter.detach() for parameter in module.parameters()])
    plain, weighted = hasher.sums()
    assert plain == sum(bits) and weighted % 2**64 == wrapped
    assert all(factor % 2 for factor in low[:100].tolist())


def test_name_shape_and_dtype_enter_the_digest() -> None:
    one, two = small((6,)), small((2, 3))
    assert weights_digest(one) != weights_digest(two)
    assert weights_digest(one) != weights_digest(small((6,)).to(torch.bfloat16))
    with pytest.raises(ValueError, match="fp32"):
        half = small((6,)).to(torch.float16)
        change(half, Snapshot(half))


def test_restoring_is_exact_even_from_nan() -> None:
    module = small((30, 3), (7,))
    before, kept = [parameter.detach().clone() for parameter in module.parameters()], Snapshot(module)
    with torch.no_grad():
        module.p0.fill_(math.nan)
        module.p1.add_(1)
    kept.restore()
    assert all(torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))


def test_saving_and_loading_keeps_the_digest_and_ties_count_once(tmp_path: Path, model: Path) -> None:
    first = load_model(model)
    assert first.lm_head.weight is first.model.decoder.embed_tokens.weight
    assert sum(name.endswith("embed_tokens.weight") or name.startswith("lm_head") for name, _ in first.named_parameters()) == 1
    first.save_pretrained(tmp_path)
    assert weights_digest(load_model(tmp_path)) == weights_digest(first) == weights_digest(load_model(model))
    assert weights_digest(load_model(tiny.make_model(tmp_path / "other", seed=1))) != weights_digest(first)
