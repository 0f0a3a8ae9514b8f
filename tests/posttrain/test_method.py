"""From training to what is scored: transforms, soups, several texts per update, and an independent loop."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from torch.nn import functional

from gap.core.errors import BadInput, Refused
from gap.methods.combinations import SUMS
from gap.models.load import load_model
from gap.models.weights import Snapshot, weights_digest
from gap.params.methods import Method
from gap.posttrain import combined
from gap.posttrain.row import TrajectoryRow
from gap.posttrain.run import run_method
from gap.runtime import processor

IDS = torch.tensor([2, *range(30, 70)])
OTHER = torch.tensor([2, *range(100, 140)])
HALF = [{"kind": "interpolation", "coefficient": 0.5}]
LINES = [{"kind": "lines", "alpha": 0.2, "beta": 0.8}]


def steps(
    model: Path, texts: list[list[torch.Tensor]], method: Method, updates: int = 3, **options: Any
) -> list[tuple[TrajectoryRow, list[torch.Tensor]]]:
    """Each row with a copy of the weights to be scored."""
    loaded = load_model(model)
    return [
        (row, [weight.detach().clone() for weight in loaded.parameters()])
        for row in run_method(Snapshot(loaded, **options, compact=True), texts, method, updates)
    ]


def reference(model: Any, texts: list[torch.Tensor], updates: int) -> list[list[torch.Tensor]]:
    """Adam on minus the mean of the texts' losses, in plain torch; the weights behind each update."""
    weights = list(model.parameters())
    m, v = [torch.zeros_like(weight) for weight in weights], [torch.zeros_like(weight) for weight in weights]
    found = []
    for step in range(1, updates + 1):
        losses = [functional.cross_entropy(model(ids[None]).logits[0, :-1], ids[1:]) for ids in texts]
        gradients = torch.autograd.grad(-sum(losses) / len(losses), weights)
        with torch.no_grad():
            for weight, gradient, first, second in zip(weights, gradients, m, v, strict=True):
                first.mul_(0.9).add_(0.1 * gradient)
                second.mul_(0.98).add_(0.02 * gradient**2)
                weight -= 5e-5 * (first / (1 - 0.9**step)) / ((second / (1 - 0.98**step)).sqrt() + 1e-8)
        found.append([weight.detach().clone() for weight in weights])
    return found


def names_without_noise(model: Path) -> list[bool]:
    """The softmax over keys ignores k_proj.bias: its true gradient is 0, and Adam scales rounding noise up to whole steps."""
    return [not name.endswith("k_proj.bias") for name, _ in load_model(model).named_parameters()]


def close(found: list[torch.Tensor], wanted: list[torch.Tensor], kept: list[bool], atol: float = 1e-6) -> None:
    for one, other, keep in zip(found, wanted, kept, strict=True):
        if keep:
            torch.testing.assert_close(one, other, rtol=0, atol=atol)


@pytest.mark.parametrize("texts", [[IDS], [IDS, OTHER]], ids=["one text", "two texts per update"])
def test_fifteen_steps_are_those_of_an_independent_loop(model: Path, texts: list[torch.Tensor]) -> None:
    wanted = reference(load_model(model), texts, 15)
    for (row, weights), other in zip(steps(model, [texts], tiny.method(), 15)[1:], wanted, strict=True):
        assert row.real
        close(weights, other, names_without_noise(model))


def test_a_transform_changes_what_is_scored_and_not_the_way(model: Path) -> None:
    plain, halved = steps(model, [[IDS]], tiny.method()), steps(model, [[IDS]], tiny.method(HALF))
    base = plain[0][1]
    for (row, weights), (other, scored) in zip(plain[1:], halved[1:], strict=True):
        assert (row.loss, row.grad_norm, row.update_norm, row.distance) == (
            other.loss,
            other.grad_norm,
            other.update_norm,
            other.trained_distance,
        )
        assert other.distance == pytest.approx(row.distance / 2, rel=1e-3) and row.digest != other.digest
        for old, new, half in zip(base, weights, scored, strict=True):
            torch.testing.assert_close(half, old + (new - old) / 2, rtol=0, atol=1e-7)


def test_descent_extrapolated_goes_away_from_memorising(model: Path) -> None:
    """base - (descent - base): the mirror image of the descent's weights."""
    mirrored = [{"kind": "interpolation", "coefficient": -1.0}]
    down = steps(model, [[IDS]], tiny.method(direction={"kind": "descent"}))
    away = steps(model, [[IDS]], tiny.method(mirrored, direction={"kind": "descent"}))
    for (row, weights), (other, scored) in zip(down[1:], away[1:], strict=True):
        assert (row.loss, row.distance) == (other.loss, other.trained_distance) and other.distance == pytest.approx(row.distance, rel=1e-3)
        for old, new, mirror in zip(down[0][1], weights, scored, strict=True):
            torch.testing.assert_close(mirror, 2 * old - new, rtol=0, atol=1e-7)


def test_lines_shortens_the_change_and_not_the_way(model: Path) -> None:
    plain, scaled = steps(model, [[IDS]], tiny.method()), steps(model, [[IDS]], tiny.method(LINES))
    for (row, _), (other, _) in zip(plain[1:], scaled[1:], strict=True):
        assert other.trained_distance == row.distance  # bit for bit
        assert other.distance < 0.7 * other.trained_distance


def test_transforms_apply_in_turn_and_a_copy_may_be_on_the_host(model: Path) -> None:
    quarter = steps(model, [[IDS]], tiny.method([*HALF, *HALF]))
    assert quarter[2][0].distance == pytest.approx(steps(model, [[IDS]], tiny.method())[2][0].distance / 4, rel=1e-3)
    offloaded = steps(model, [[IDS]], tiny.method([*HALF, *HALF]), offload=True)
    assert [row.digest for row, _ in offloaded] == [row.digest for row, _ in quarter]


def test_skipped_updates_keep_the_transformed_digest(model: Path) -> None:
    method = tiny.method(HALF, precision="fp16", loss_scale=2.0**24)
    rows = [row for row, _ in steps(model, [[IDS]], method, 10)]
    assert [row.digest for row in rows if not row.real] == [rows[0].digest] * sum(not row.real for row in rows)
    assert rows[-1].real and rows[-1].digest != rows[0].digest


@pytest.mark.parametrize("room", [1, 2, 100])
def test_a_soup_is_the_mean_of_its_runs(model: Path, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combined, "_sums_that_fit", lambda base: room)
    one, other = steps(model, [[IDS]], tiny.method()), steps(model, [[OTHER]], tiny.method())
    soup = steps(model, [[IDS], [OTHER]], tiny.method(combine={"kind": "soup"}))
    assert [row.digest for row, _ in soup] == [
        row.digest for row, _ in steps(model, [[IDS], [OTHER]], tiny.method(combine={"kind": "soup"}))
    ]
    assert soup[0][0].digest == one[0][0].digest
    for (row, weights), (first, left), (second, right) in zip(soup[1:], one[1:], other[1:], strict=True):
        assert row.real and row.step == first.step
        assert row.loss == pytest.approx((first.loss + second.loss) / 2)
        assert row.trained_distance == pytest.approx((first.distance + second.distance) / 2)
        assert 0 < row.distance < row.trained_distance
        for mixed, a, b in zip(weights, left, right, strict=True):
            torch.testing.assert_close(mixed, (a + b) / 2, rtol=0, atol=2e-7)


def test_sums_take_half_of_the_available_memory_page_cache_included_and_no_more_than_was_asked_for(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = Snapshot(load_model(model))
    size = 4 * sum(weight.numel() for weight in base.model.parameters())
    monkeypatch.setattr(processor, "MEMINFO", tmp_path / "meminfo")
    for copies, fitting in ((1, 1), (14, 7), (100, SUMS)):
        (tmp_path / "meminfo").write_text(f"MemFree:       1 kB\nMemAvailable:   {-(-copies * size // 1024)} kB\n")
        assert combined._sums_that_fit(base) == fitting


def test_a_soup_of_one_run_is_that_run_but_for_rounding(model: Path) -> None:
    soup, run = steps(model, [[IDS]], tiny.method(combine={"kind": "soup"})), steps(model, [[IDS]], tiny.method())
    for mixed, plain in zip(soup[-1][1], run[-1][1], strict=True):
        torch.testing.assert_close(mixed, plain, rtol=0, atol=1e-7)


def test_a_soup_may_be_transformed(model: Path) -> None:
    soup = steps(model, [[IDS], [OTHER]], tiny.method(combine={"kind": "soup"}))
    halved = steps(model, [[IDS], [OTHER]], tiny.method(HALF, combine={"kind": "soup"}))
    assert halved[-1][0].distance == pytest.approx(soup[-1][0].distance / 2, rel=1e-3)


def test_a_soup_ends_where_a_run_diverges(model: Path) -> None:
    rows = [row for row, _ in steps(model, [[IDS], [OTHER]], tiny.method(combine={"kind": "soup"}, learning_rate=1e36), 9)]
    assert rows[-1].diverged and not rows[-1].real and not any(row.diverged for row in rows[:-1])


def test_layer_rates_are_shares_of_each_layers_step(model: Path) -> None:
    """Adam's first step is the learning rate times the sign of the gradient, so a layer's share shows in its length."""
    plain = steps(model, [[IDS]], tiny.method(learning_rate=1e-3), 1)
    decayed = steps(model, [[IDS]], tiny.method(learning_rate=1e-3, rates={"kind": "layer_decay", "decay": 0.5}), 1)
    names = [name for name, _ in load_model(model).named_parameters()]
    shares = {
        "embed_tokens.weight": 1 / 8,
        "layers.0.fc1.weight": 1 / 4,
        "layers.1.fc1.weight": 1 / 2,
        "decoder.final_layer_norm.weight": 1,
    }
    for ending, share in shares.items():
        place = next(number for number, name in enumerate(names) if name.endswith(ending))
        whole, part = ((found[1][1][place] - found[0][1][place]).norm() for found in (plain, decayed))
        assert float(part / whole) == pytest.approx(share, rel=1e-3)


def test_weights_that_are_not_finite_are_not_transformed(model: Path) -> None:
    huge = [{"kind": "interpolation", "coefficient": 1e38}]
    with pytest.raises(Refused, match="not finite behind interpolation"):
        steps(model, [[IDS]], tiny.method([*huge, *huge]))
    loaded = load_model(model)
    base = Snapshot(loaded)
    with torch.no_grad():
        next(loaded.parameters())[0] = math.inf
    from gap.posttrain.transformed import transform

    with pytest.raises(Refused, match="before the transforms"):
        transform(base, tiny.method(HALF).transforms)


def test_lines_on_a_model_without_numbered_layers(model: Path, tmp_path: Path) -> None:
    single = tiny.make_model(tmp_path / "single", num_hidden_layers=1)
    with pytest.raises(BadInput, match="transform lines: a model with 1 numbered layer"):
        steps(single, [[IDS]], tiny.method([{"kind": "lines", "alpha": 0.0, "beta": 1.0}]))
    with pytest.raises(BadInput, match=r"gap\.rates layer_decay: a model with 1 numbered layer"):
        steps(single, [[IDS]], tiny.method(rates={"kind": "layer_decay", "decay": 0.5}))


def test_rows_are_those_of_the_weights_in_the_model(model: Path) -> None:
    for method in (tiny.method(), tiny.method(HALF), tiny.method(combine={"kind": "soup"})):
        loaded = load_model(model)
        for row in run_method(Snapshot(loaded, compact=True), [[IDS]], method, 2):
            assert row.digest == weights_digest(loaded)
