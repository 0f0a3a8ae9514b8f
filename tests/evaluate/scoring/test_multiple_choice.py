"""Scores against the naive scorer, and independence of what else is scored."""

from __future__ import annotations

import logging
import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import naive_sum

from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.scoring import multiple_choice
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.tasks.items import MultipleChoice

NAMES = ["opt", "opt-post", "gpt2", "gpt-neox", "llama", "qwen2", "granite"]
PARTS = ["the cat", "sat on", "a mat", "User 1:", "\n", "42", "yes", "no,", "I think", "é", "now."]


def some_items(count: int, seed: int, longest: int = 20) -> list[MultipleChoice]:
    draw = random.Random(seed)

    def text(most: int) -> str:
        return " ".join(draw.choices(PARTS, k=draw.randint(1, most)))

    return [
        MultipleChoice(text(longest), tuple(f"{' ' if choice else ''}{text(5)}" for choice in range(draw.randint(2, 5))), 0)
        for _ in range(count)
    ]


def scores(model: Any, tokenizer: Any, items: list[MultipleChoice], max_length: int = 120, tokens: int = 512) -> list[np.ndarray]:
    chunks = encode_items(items, tokenizer, max_length, tokens, "cpu")
    return [sums for chunk in score_chunks(split_model(model), chunks) for sums in chunk]


@pytest.mark.parametrize("name", NAMES)
def test_scores_agree_with_the_naive_scorer(models: Any, tokenizer: Any, name: str) -> None:
    model, items = models(name), some_items(6, seed=3)
    for item, sums in zip(items, scores(model, tokenizer, items), strict=True):
        wanted = [naive_sum(model, tokenizer, item.context, text, 120) for text in item.continuations]
        assert sums.dtype == np.float64
        np.testing.assert_allclose(sums, wanted, rtol=0, atol=1e-4)


def test_long_contexts_are_cut_from_the_left(models: Any, tokenizer: Any) -> None:
    items = some_items(4, seed=5, longest=40)
    for item, sums in zip(items, scores(models("opt"), tokenizer, items, max_length=12), strict=True):
        wanted = [naive_sum(models("opt"), tokenizer, item.context, text, 12) for text in item.continuations]
        np.testing.assert_allclose(sums, wanted, rtol=0, atol=1e-4)


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.integers(33, 45), st.integers(64, 2000))
def test_a_complete_chunk_has_the_same_bits_whatever_follows(models: Any, tokenizer: Any, seed: int, count: int, tokens: int) -> None:
    items = some_items(count, seed, longest=8)
    alone = scores(models("opt"), tokenizer, items[:32], tokens=tokens)
    among = scores(models("opt"), tokenizer, items, tokens=tokens)[:32]
    assert [sums.tolist() for sums in alone] == [sums.tolist() for sums in among]


def test_the_same_bits_after_other_weights_were_scored(models: Any, tokenizer: Any) -> None:
    from copy import deepcopy

    model, items = deepcopy(models("gpt2")), some_items(10, seed=8)
    chunks = encode_items(items, tokenizer, 120, 512, "cpu")
    network, kept = split_model(model), {name: value.clone() for name, value in model.state_dict().items()}
    before = score_chunks(network, chunks)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.1)
    other = score_chunks(network, chunks)
    model.load_state_dict(kept)
    after = score_chunks(network, chunks)
    assert np.array_equal(np.concatenate(before[0]), np.concatenate(after[0]))
    assert not np.array_equal(np.concatenate(before[0]), np.concatenate(other[0]))


def test_scores_do_not_depend_on_how_many_logits_are_held(models: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    items = some_items(8, seed=2)
    whole = scores(models("opt"), tokenizer, items)
    monkeypatch.setitem(multiple_choice.LOGITS, "cpu", 400 * 3)
    for one, other in zip(whole, scores(models("opt"), tokenizer, items), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_a_head_that_does_not_give_the_logits_is_noticed(models: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        network = split_model(models("granite"))
    assert network.head is None
    assert "the logits of its head differ by up to" in network.reason
    assert "GraniteForCausalLM" in caplog.text
    assert split_model(models("opt-post")).reason == ""


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_autocast_stays_near_fp32(models: Any, tokenizer: Any, precision: torch.dtype) -> None:
    items = some_items(6, seed=4)
    with torch.autocast("cpu", dtype=precision):
        found = scores(models("opt"), tokenizer, items)
    for one, other in zip(found, scores(models("opt"), tokenizer, items), strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=0.05, atol=0.5)
