from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from torch.nn import functional

from gap.core.tables import RUN, TABLES
from gap.models.load import load_model
from gap.models.weights import weights_digest
from gap.posttrain import step as step_module
from gap.posttrain.optimizer import BucketedOptimizer
from gap.posttrain.row import TrajectoryRow
from gap.posttrain.step import text_losses

IDS = torch.tensor([2, *range(30, 70)])


def reference(model: Any, ids: torch.Tensor, updates: int, rate: float = 5e-5, decay: float = 0.0) -> list[tuple[float, float, float]]:
    """Adam written out (Kingma and Ba, algorithm 1) on minus the mean NLL: loss, gradient norm, update norm of each step."""
    weights = list(model.parameters())
    first, second = [torch.zeros_like(weight) for weight in weights], [torch.zeros_like(weight) for weight in weights]
    rows = []
    for step in range(1, updates + 1):
        loss = functional.cross_entropy(model(ids[None]).logits[0, :-1], ids[1:])
        gradients = torch.autograd.grad(-loss, weights)
        squares = 0.0
        with torch.no_grad():
            for weight, gradient, m, v in zip(weights, gradients, first, second, strict=True):
                gradient = gradient + decay * weight
                m.mul_(0.9).add_(0.1 * gradient)
                v.mul_(0.98).add_(0.02 * gradient * gradient)
                move = rate * (m / (1 - 0.9**step)) / ((v / (1 - 0.98**step)).sqrt() + 1e-8)
                weight -= move
                squares += float(move.double().square().sum())
        rows.append((loss.item(), math.sqrt(sum(float(one.double().square().sum()) for one in gradients)), math.sqrt(squares)))
    return rows


def test_fifteen_steps_are_those_of_the_written_out_loop(model: Path) -> None:
    own, other = load_model(model), load_model(model)
    rows = [row for row in tiny.updates(own, IDS, tiny.gap(), 15) if row.epoch]
    expected = reference(other, IDS, 15)
    assert [row.loss for row in rows] == pytest.approx([loss for loss, _, _ in expected], abs=1e-6)
    assert [row.grad_norm for row in rows] == pytest.approx([norm for _, norm, _ in expected], rel=1e-5)
    assert [row.update_norm for row in rows] == pytest.approx([norm for _, _, norm in expected], rel=1e-3)
    for (name, mine), theirs in zip(own.named_parameters(), other.parameters(), strict=True):
        # the softmax over keys ignores k_proj.bias: its true gradient is 0, and Adam scales rounding noise up to whole steps
        torch.testing.assert_close(mine, theirs, rtol=0, atol=15 * 5e-5 if name.endswith("k_proj.bias") else 1e-6)


def test_bit_for_bit_torchs_plain_adam(model: Path) -> None:
    own, other = load_model(model), load_model(model)
    list(tiny.updates(own, IDS, tiny.gap(weight_decay=0.01, learning_rate=1e-3), 15))
    optimizer = torch.optim.Adam(other.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.01, foreach=False)
    for _ in range(15):
        optimizer.zero_grad()
        (-functional.cross_entropy(other(IDS[None]).logits[0, :-1], IDS[1:])).backward()
        optimizer.step()
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(own.parameters(), other.parameters(), strict=True))
    assert weights_digest(own) == weights_digest(other)


def test_ascent_raises_the_loss_at_every_step(model: Path) -> None:
    loaded = load_model(model)
    losses = [row.loss for row in tiny.updates(loaded, IDS, tiny.gap(learning_rate=1e-3), 10) if row.epoch]
    losses.append(float(text_losses(loaded, IDS, tiny.gap(), 1)[0].detach()))
    assert all(later > earlier for earlier, later in pairwise(losses))


def test_rows_have_the_columns_and_values_of_the_table(model: Path) -> None:
    loaded = load_model(model)
    base = weights_digest(loaded)
    rows = list(tiny.updates(loaded, IDS, tiny.gap(), 3))
    assert {field.name for field in dataclasses.fields(TrajectoryRow)} == set(TABLES["trajectories"]) - set(RUN)
    assert [(row.step, row.epoch, row.real) for row in rows] == [(0, 0, False), (1, 1, True), (2, 2, True), (3, 3, True)]
    assert rows[0].digest == base and math.isnan(rows[0].loss) and math.isnan(rows[0].grad_norm) and rows[0].update_norm == 0
    assert rows[3].digest == weights_digest(loaded) and len({row.digest for row in rows}) == 4
    assert all(row.loss_scale == 1 and not row.diverged for row in rows)
    assert all(0.5 < row.changed_fraction <= 1 and 0 < row.update_norm < 0.1 for row in rows[1:])


def test_a_second_run_from_the_same_weights_is_the_same(model: Path) -> None:
    runs = [[row.digest for row in tiny.updates(load_model(model), IDS, tiny.gap(), 4)] for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_beginning_of_more_updates_is_fewer_updates(model: Path) -> None:
    long, short = ([row.digest for row in tiny.updates(load_model(model), IDS, tiny.gap(), updates)] for updates in (5, 3))
    assert long[:4] == short


def test_nll_is_the_models_own_loss(model: Path) -> None:
    loaded = load_model(model)
    nll, objective = text_losses(loaded, IDS, tiny.gap(), 1)
    assert nll is objective
    own = nll.item()
    assert own == pytest.approx(loaded(input_ids=IDS[None], labels=IDS[None]).loss.item(), abs=1e-6)


def test_bf16_autocast_moves_fp32_weights(model: Path) -> None:
    loaded = load_model(model)
    rows = list(tiny.updates(loaded, IDS, tiny.gap(precision="bf16"), 3))
    exact = list(tiny.updates(load_model(model), IDS, tiny.gap(), 3))
    assert rows[-1].real and rows[-1].loss == pytest.approx(exact[-1].loss, rel=0.02) and rows[-1].loss != exact[-1].loss
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    assert rows[-1].changed_fraction > 0.5


def test_fp16_skips_until_the_scale_fits(model: Path) -> None:
    """The first updates of the paper's setting are no-ops: the scale starts too high and is halved at each overflow."""
    loaded = load_model(model)
    base = weights_digest(loaded)
    rows = list(tiny.updates(loaded, IDS, tiny.gap(precision="fp16", loss_scale=2.0**24), 15))
    skipped = [row for row in rows[1:] if not row.real]
    assert skipped and rows[-1].real
    assert [row.loss_scale for row in rows[1 : len(skipped) + 2]] == [2.0 ** (24 - halved) for halved in range(len(skipped) + 1)]
    for row in skipped:
        assert (row.step, row.update_norm, row.changed_fraction, row.diverged, row.digest) == (0, 0.0, 0.0, False, base)
        assert math.isfinite(row.loss) and not math.isfinite(row.grad_norm)
    assert [row.step for row in rows if row.real] == list(range(1, 16 - len(skipped)))


def test_fp16_without_overflow_is_near_fp32(model: Path) -> None:
    rows = list(tiny.updates(load_model(model), IDS, tiny.gap(precision="fp16", loss_scale=1024.0), 4))
    exact = list(tiny.updates(load_model(model), IDS, tiny.gap(), 4))
    assert all(row.real for row in rows[1:])
    assert [row.loss for row in rows[1:]] == pytest.approx([row.loss for row in exact[1:]], rel=5e-3)
    assert rows[-1].grad_norm == pytest.approx(exact[-1].grad_norm, rel=2e-2)  # unscaled


def test_a_loss_that_is_not_finite_ends_the_run_at_the_last_real_update(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, whole, calls = load_model(model), step_module.text_losses, iter(range(9))

    def broken(*arguments: Any) -> tuple[torch.Tensor, torch.Tensor]:
        factor = math.inf if next(calls) == 2 else 1.0
        nll, objective = whole(*arguments)
        return nll * factor, objective * factor

    monkeypatch.setattr(step_module, "text_losses", broken)
    rows = list(tiny.updates(loaded, IDS, tiny.gap(), 9))
    assert [(row.step, row.epoch, row.real, row.diverged) for row in rows] == [
        (0, 0, False, False),
        (1, 1, True, False),
        (2, 2, True, False),
        (2, 3, False, True),
    ]
    assert rows[-1].digest == rows[-2].digest == weights_digest(loaded)
    assert not math.isfinite(rows[-1].loss) and rows[-1].update_norm == rows[-1].changed_fraction == 0.0
    assert rows[-1].distance == rows[-2].distance > 0


@pytest.mark.parametrize("rate", [1e36, 1e25])
def test_weights_are_finite_however_large_the_step(model: Path, rate: float) -> None:
    loaded = load_model(model)
    rows = list(tiny.updates(loaded, IDS, tiny.gap(learning_rate=rate), 6))
    assert rows[-1].diverged and not any(row.diverged for row in rows[:-1])
    assert rows[-1].digest == weights_digest(loaded)
    assert all(bool(torch.isfinite(weight).all()) for weight in loaded.parameters())


def test_an_update_that_spoils_the_weights_is_taken_back(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, whole, calls = load_model(model), BucketedOptimizer.step, iter(range(9))

    def spoil(self: Any, unscale: float) -> Any:
        call = next(calls)
        for number, (after, before) in enumerate(whole(self, unscale)):
            if (call, number) == (1, 0):
                after[0][0] = math.inf
            yield after, before

    monkeypatch.setattr(BucketedOptimizer, "step", spoil)
    rows = list(tiny.updates(loaded, IDS, tiny.gap(), 9))
    assert [(row.step, row.real, row.diverged) for row in rows[1:]] == [(1, True, False), (1, False, True)]
    assert rows[-1].digest == rows[-2].digest == weights_digest(loaded)


def test_a_caller_without_gradients_does_not_stop_it(model: Path) -> None:
    with torch.no_grad():
        assert [row.real for row in tiny.updates(load_model(model), IDS, tiny.gap(), 2)] == [False, True, True]


def test_distance_is_measured_from_the_base(model: Path) -> None:
    loaded = load_model(model)
    base = [weight.detach().clone() for weight in loaded.parameters()]
    rows = list(tiny.updates(loaded, IDS, tiny.gap(learning_rate=1e-3), 3))
    squares = sum(
        float((weight.detach().double() - old.double()).square().sum()) for weight, old in zip(loaded.parameters(), base, strict=True)
    )
    assert rows[-1].distance == rows[-1].trained_distance == pytest.approx(math.sqrt(squares), rel=1e-6)
    assert rows[0].distance == 0 and rows[1].distance == pytest.approx(rows[1].update_norm, rel=1e-6)


def test_the_scaler_is_torchs_own() -> None:
    """Scale and skips of a run of overflows and clean updates, against torch.amp.GradScaler."""
    from gap.posttrain.scaler import LossScaler

    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([weight], lr=0.0)
    theirs, mine = torch.amp.GradScaler("cpu", init_scale=2.0**16), LossScaler(2.0**16, enabled=True)
    theirs.scale(torch.ones(()))  # makes its scale
    for number in range(4300):
        overflow = number in (0, 1, 2500)
        assert mine.scale == theirs.get_scale()
        weight.grad = torch.full((3,), math.inf if overflow else 1.0)
        theirs.unscale_(optimizer)
        theirs.step(optimizer)
        theirs.update()
        mine.update(overflowed=overflow)
    assert mine.scale == theirs.get_scale() == 2.0**14


def test_fp16_takes_the_updates_that_torchs_scaler_takes(model: Path) -> None:
    own, other = load_model(model), load_model(model)
    rows = list(tiny.updates(own, IDS, tiny.gap(precision="fp16", loss_scale=2.0**24), 12))
    optimizer = torch.optim.Adam(other.parameters(), lr=5e-5, betas=(0.9, 0.98), eps=1e-8)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)
    for row in rows[1:]:
        assert row.loss_scale == scaler.get_scale()
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            logits = other(IDS[None]).logits
        scaler.scale(-functional.cross_entropy(logits[0, :-1].float(), IDS[1:])).backward()
        scaler.step(optimizer)
        scaler.update()
        assert row.digest == weights_digest(other)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("together", [1, 2])
def test_offload_changes_no_bit(model: Path, precision: str, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in many buckets, also when two texts' gradients meet."""
    from gap.models.weights import Snapshot
    from gap.posttrain import parameter_buckets
    from gap.posttrain.run import run_updates

    texts = [IDS, IDS.flip(0)][:together]
    runs = []
    monkeypatch.setattr(parameter_buckets, "PART", 1 << 24)
    for offload, bucket in ((False, 1 << 24), (True, 1 << 24), (True, 500), (False, 500), (False, 333)):
        monkeypatch.setattr(parameter_buckets, "SMALLEST", bucket)
        loaded = load_model(model)
        cut = parameter_buckets.cut_into_buckets(list(loaded.parameters()))
        assert (len(cut) == 1) == (bucket == 1 << 24)
        assert all(sum(item.parameter.numel() for item in one) <= bucket for one in cut)
        base = Snapshot(loaded, offload=offload, compact=True)
        rows = list(run_updates(base, texts, tiny.gap(precision=precision, loss_scale=1024.0), 4))
        assert not any(weight.grad is not None for weight in loaded.parameters())
        assert not any(weight._post_accumulate_grad_hooks for weight in loaded.parameters())
        runs.append([(row.digest, row.loss, row.changed_fraction, row.loss_scale) for row in rows[1:]])
    assert all(run == runs[0] for run in runs) and runs[0][-1][0] != runs[0][0][0]


@pytest.mark.parametrize("implementation", ["foreach", "fused", "loop"])
def test_every_implementation_of_adam_is_torchs(model: Path, implementation: str) -> None:
    own, other = load_model(model), load_model(model)
    list(tiny.updates(own, IDS, tiny.gap(implementation=implementation), 6))
    optimizer = torch.optim.Adam(
        other.parameters(), lr=5e-5, betas=(0.9, 0.98), eps=1e-8, foreach=implementation == "foreach", fused=implementation == "fused"
    )
    for _ in range(6):
        optimizer.zero_grad()
        (-functional.cross_entropy(other(IDS[None]).logits[0, :-1], IDS[1:])).backward()
        optimizer.step()
    assert weights_digest(own) == weights_digest(other)


def test_embedding_rows_without_gradient_are_unharmed(model: Path) -> None:
    """Positions behind the text get no gradient: in fp32 they do not move; a zero eps in fp16 would make them NaN."""
    for precision in ("fp32", "bf16", "fp16"):
        loaded = load_model(model)
        places = loaded.model.decoder.embed_positions.weight
        before = places.detach().clone()
        rows = list(tiny.updates(loaded, IDS, tiny.gap(precision=precision, loss_scale=256.0), 3))
        assert rows[-1].real
        unused = len(IDS) + loaded.model.decoder.embed_positions.offset
        assert torch.equal(places[unused:], before[unused:]) and not torch.equal(places[2:unused], before[2:unused])


def test_large_gradients_skip_the_papers_first_updates_and_small_ones_do_not(tmp_path: Path) -> None:
    """The scaler starts at 65536 as the authors' does: what overflows fp16 then is skipped, in fp16 alone."""
    small, large = tiny.make_model(tmp_path / "small", init_std=0.1), tiny.make_model(tmp_path / "large", init_std=3.0)
    real = {}
    for precision in ("fp16", "bf16", "fp32"):
        for name, folder in (("small", small), ("large", large)):
            rows = list(tiny.updates(load_model(folder), IDS, tiny.gap(precision=precision), 6))[1:]
            real[precision, name] = [row.real for row in rows]
            assert not any(row.diverged for row in rows)
    skipped = real["fp16", "large"].index(True)
    assert skipped >= 1 and all(real["fp16", "large"][skipped:])
    assert all(all(found) for key, found in real.items() if key != ("fp16", "large"))


def test_an_update_takes_numbers_that_are_too_small_for_zero_and_nothing_else_does() -> None:
    """Denormals make products many times slower; whoever calls gets the usual arithmetic back, also after an error."""
    from gap.models.precision import without_denormals

    small = torch.tensor([1e-39])
    assert (small * 1.0).item() > 0
    with without_denormals():
        assert (small * 1.0).item() == 0
    with pytest.raises(ValueError), without_denormals():
        raise ValueError
    assert (small * 1.0).item() > 0
