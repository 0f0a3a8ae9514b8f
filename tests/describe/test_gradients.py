"""Cosines against ``torch.autograd.grad`` in plain code, and the sequences that a task's gradient is taken on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from gap.core.errors import BadInput
from gap.describe.gradients import FlatGradient, Target, dot, targets
from gap.models.load import load_model
from gap.models.tokenizer import load_tokenizer
from gap.tasks.items import Dialogue, MultipleChoice

from .conftest import cosine_between

ITEMS = [
    MultipleChoice("signal motor", (" garden", " paper river"), 1),
    MultipleChoice("kitchen window letter engine forest planet", (" button", " copper silver"), 0),
    Dialogue("User 1: bridge market\nUser 2:", "silver winter summer"),
]


def plain(model: Any, sequences: list[Target]) -> np.ndarray:
    """The same gradient with the whole logits, a gather and ``autograd.grad``, in fp64."""
    twin = type(model)(model.config).eval()
    twin.load_state_dict(model.state_dict())
    twin = twin.double()
    losses = []
    for sequence in sequences:
        ids = torch.tensor([sequence.ids])
        chances = torch.log_softmax(twin(ids).logits[0, :-1], dim=-1)
        nll = -chances.gather(1, ids[0, 1:, None])[:, 0]
        losses.append(nll[len(nll) - sequence.predicted :].mean())
    found = torch.autograd.grad(torch.stack(losses).mean(), list(twin.parameters()))
    return np.concatenate([part.numpy().ravel() for part in found])


def text_target(ids: Tensor) -> Target:
    return Target(tuple(ids.tolist()), len(ids) - 1)


def test_gradient_and_cosine_are_those_of_autograd(opt: Any, ids: Tensor, tokenizer: Path) -> None:
    flat, tool = FlatGradient(opt), load_tokenizer(tokenizer)
    tasks = [targets(ITEMS[:2], tool, 64), targets(ITEMS[2:], tool, 64), targets(ITEMS, tool, 5)]
    text, wanted = flat.of([text_target(ids)]).clone(), plain(opt, [text_target(ids)])
    np.testing.assert_allclose(text.numpy(), wanted, atol=2e-5)
    for task in tasks:
        reference = plain(opt, task)
        expected = wanted @ reference / np.linalg.norm(wanted) / np.linalg.norm(reference)
        assert cosine_between(text, flat.of(task)) == pytest.approx(expected, abs=1e-5)
    assert len(text) == sum(weight.numel() for weight in opt.parameters()), "tied weights stand once"


def test_nothing_is_left_over_and_weights_stay(opt: Any, ids: Tensor) -> None:
    before = [weight.detach().clone() for weight in opt.parameters()]
    flat = FlatGradient(opt)
    first = flat.of([text_target(ids)]).clone()
    place = flat.buffer.data_ptr()
    flat.of([Target((2, 9, 9, 9), 1)])
    assert torch.equal(flat.of([text_target(ids)]), first) and flat.buffer.data_ptr() == place
    assert all(torch.equal(weight, old) for weight, old in zip(opt.parameters(), before, strict=True))
    assert next(opt.parameters()).grad.data_ptr() == place, "gradients are views of the buffer, not copies"


def test_a_step_up_the_text_moves_the_tasks_loss_by_the_product(model: Path, ids: Tensor, tokenizer: Path) -> None:
    from gap.describe.gradients import mean_nll

    network: Any = load_model(model)
    [target] = targets(ITEMS[2:], load_tokenizer(tokenizer), 64)
    flat = FlatGradient(network)
    task = flat.of([target]).clone()
    text = flat.of([text_target(ids)]).clone()
    step, changes = 1e-3 / float(text.norm()), []
    for sign in (1, -1):
        with torch.no_grad():
            place = 0
            for weight in network.parameters():
                weight += sign * step * text[place : place + weight.numel()].view_as(weight)
                place += weight.numel()
            changes.append(float(mean_nll(network, target)))
            for weight, kept in zip(network.parameters(), load_model(model).parameters(), strict=True):
                weight.copy_(kept)
    assert (changes[0] - changes[1]) / 2 == pytest.approx(step * dot(text, task), rel=0.05, abs=2e-6)


def test_dropout_is_off(opt: Any, ids: Tensor) -> None:
    flat = FlatGradient(opt.train())
    first = flat.of([text_target(ids)]).clone()
    assert torch.equal(flat.of([text_target(ids)]), first)
    opt.eval()


def test_targets_are_what_scoring_looks_up(tokenizer: Path) -> None:
    from gap.evaluate.encoding.batches import scored_sequence

    tool = load_tokenizer(tokenizer)
    pairs = [
        (item.context, item.continuations[item.gold]) if isinstance(item, MultipleChoice) else (item.prompt, f" {item.reference}")
        for item in ITEMS
    ]
    for length in (64, 12, 6, 3):
        for (context, answer), found in zip(pairs, targets(ITEMS, tool, length), strict=True):
            ids, continuation = (tool.encode(part, add_special_tokens=False) for part in (context, answer))
            scored = scored_sequence([tool.bos_token_id, *ids], continuation, length, 0)
            assert found.ids[:-1] == scored.ids and found.ids[-found.predicted :] == scored.targets


def test_a_continuation_without_tokens_is_refused(tokenizer: Path) -> None:
    with pytest.raises(BadInput, match="item 1: a continuation without tokens"):
        targets([ITEMS[0], MultipleChoice("signal", ("", " b"), 0)], load_tokenizer(tokenizer), 64)


NUMBERS = st.floats(-100, 100, width=32)


@hypothesis_settings(max_examples=50)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30), st.floats(0.01, 100))
def test_a_cosine_knows_no_lengths_and_no_order(pairs: list[tuple[float, float]], factor: float) -> None:
    first, second = (torch.tensor(side) for side in zip(*pairs, strict=True))
    found = cosine_between(first, second)
    if dot(first, first) == 0 or dot(second, second) == 0:
        assert math.isnan(found)
        return
    assert -1 - 1e-9 <= found <= 1 + 1e-9
    assert cosine_between(second, first) == pytest.approx(found, abs=1e-12)
    assert cosine_between(first, first) == pytest.approx(1, abs=1e-12) and cosine_between(first, -first) == pytest.approx(-1, abs=1e-12)
    scaled = first.double() * factor
    if dot(scaled, scaled) > 1e-200:
        assert cosine_between(scaled, second.double()) == pytest.approx(found, abs=1e-9)


def test_sums_are_taken_in_fp64_over_all_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from gap.describe import gradients

    numbers = torch.cat([torch.full((1000,), 1e-4), torch.tensor([3e3]), torch.full((1000,), 1e-4)])
    whole = dot(numbers, torch.ones(2001))
    assert whole == pytest.approx(3000 + 2000 * float(torch.tensor(1e-4)), abs=1e-9)
    monkeypatch.setitem(gradients.SLICE, "cpu", 7)
    assert dot(numbers, torch.ones(2001)) == pytest.approx(whole, abs=1e-9)


def test_a_gradient_that_is_not_finite_has_no_cosine() -> None:
    assert math.isnan(cosine_between(torch.tensor([1.0, math.inf]), torch.tensor([1.0, 1.0])))
