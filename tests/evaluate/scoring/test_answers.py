"""Greedy answers and NLL against ``generate`` and the naive scorer, one prompt at a time."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import naive_answer, naive_sum
from transformers.cache_utils import Cache

from gap.core.errors import BadInput
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.item_scores import Answer
from gap.evaluate.scoring import dialogue as dialogue_module
from gap.evaluate.scoring import greedy_decoding
from gap.evaluate.scoring.dialogue import answer_chunks, encode_dialogues
from gap.evaluate.scoring.greedy_decoding import StaticKVCache, StaticKVCacheLayer, _ActiveRows, greedy_decode
from gap.evaluate.scoring.stop_automaton import stop_table
from gap.params.evaluate import Evaluate
from gap.tasks.dialogue import unigram_f1
from gap.tasks.items import Dialogue

NAMES = ["opt", "opt-post", "gpt2", "gpt-neox", "llama", "qwen2", "granite"]
PARTS = ["the cat", "sat on", "a mat", "yes", "no,", "I think", "é", "we can go", "there now."]
NEW, VOCABULARY = 12, 400


def settings_of(max_length: int = 120, tokens: int = 512, new: int = NEW) -> Evaluate:
    lengths = {"max_length": max_length, "max_new_tokens": new, "batch_tokens": tokens}
    return Evaluate(items=64, splits=["validation"], precision="fp32", replay_tolerance=0, **lengths)


def some_dialogues(count: int, seed: int, longest: int = 25) -> list[Dialogue]:
    draw = random.Random(seed)

    def text(most: int) -> str:
        return " ".join(draw.choices(PARTS, k=draw.randint(1, most)))

    return [Dialogue(f"User 1: {text(longest)}\nUser 2:", text(8)) for _ in range(count)]


def answers(model: Any, tokenizer: Any, items: list[Dialogue], settings: Evaluate) -> list[Answer]:
    compiled = encode_dialogues(items, tokenizer, settings, model, "cpu")
    return [answer for chunk in answer_chunks(split_model(model), compiled, range(len(compiled.chunks))) for answer in chunk]


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_generate_and_nll_that_of_the_naive_scorer(models: Any, tokenizer: Any, name: str) -> None:
    model, items = models(name), some_dialogues(7, seed=1)
    found = answers(model, tokenizer, items, settings_of())
    assert len({len(tokenizer.encode(item.prompt)) for item in items}) > 3
    for item, answer in zip(items, found, strict=True):
        assert answer.response == naive_answer(model, tokenizer, item.prompt, 120, NEW)
        assert answer.f1 == unigram_f1(answer.response, item.reference)
        assert answer.nll == pytest.approx(-naive_sum(model, tokenizer, item.prompt, f" {item.reference}", 120), abs=1e-4)
        assert answer.tokens == len(tokenizer.encode(f" {item.reference}", add_special_tokens=False))


def test_long_prompts_keep_their_opening_token_and_lose_their_beginning(models: Any, tokenizer: Any) -> None:
    model, items = models("opt"), some_dialogues(6, seed=2, longest=60)
    lengths = [1 + len(tokenizer.encode(item.prompt, add_special_tokens=False)) for item in items]
    assert min(lengths) < 40 < max(lengths)
    for item, answer in zip(items, answers(model, tokenizer, items, settings_of(max_length=40)), strict=True):
        assert answer.response == naive_answer(model, tokenizer, item.prompt, 40, NEW)
        assert answer.nll == pytest.approx(-naive_sum(model, tokenizer, item.prompt, f" {item.reference}", 40), abs=1e-4)


def test_prompts_leave_positions_for_the_answer_where_positions_end(models: Any, tokenizer: Any) -> None:
    """160 positions and 12 new tokens, of which the last is not fed: at most 149 tokens of prompt."""
    model, items = models("gpt2"), some_dialogues(3, seed=3, longest=90)
    for item, answer in zip(items, answers(model, tokenizer, items, settings_of(max_length=160)), strict=True):
        assert answer.response == naive_answer(model, tokenizer, item.prompt, 149, NEW)
    with pytest.raises(BadInput, match="160 positions"):
        encode_dialogues(items, tokenizer, settings_of(new=160), model, "cpu")


def test_answers_end_at_every_end_token(models: Any, tokenizer: Any) -> None:
    model, items = deepcopy(models("opt")), some_dialogues(6, seed=4)
    plain = answers(model, tokenizer, items, settings_of())
    often = tokenizer.encode(plain[0].response, add_special_tokens=False)[4]
    model.generation_config.eos_token_id = [2, often]
    found = answers(model, tokenizer, items, settings_of())
    assert [answer.response for answer in found] == [naive_answer(model, tokenizer, item.prompt, 120, NEW) for item in items]
    assert len(found[0].response) < len(plain[0].response)


def test_the_masks_of_other_attention_kernels_work_too(models: Any, tokenizer: Any) -> None:
    model, items = deepcopy(models("llama")), some_dialogues(5, seed=5)
    model.set_attn_implementation("eager")
    for item, answer in zip(items, answers(model, tokenizer, items, settings_of()), strict=True):
        assert answer.response == naive_answer(model, tokenizer, item.prompt, 120, NEW)


def test_half_precision_gives_numbers(models: Any, tokenizer: Any) -> None:
    items = some_dialogues(8, seed=6)
    exact = answers(models("opt"), tokenizer, items, settings_of())
    with torch.autocast("cpu", dtype=torch.float16):
        found = answers(models("opt"), tokenizer, items, settings_of())
    np.testing.assert_allclose([answer.nll for answer in found], [answer.nll for answer in exact], rtol=0.05)


def test_a_complete_chunk_has_the_same_bits_whatever_follows(models: Any, tokenizer: Any) -> None:
    items = some_dialogues(70, seed=7, longest=6)
    alone, among = (answers(models("opt"), tokenizer, items[:count], settings_of()) for count in (64, 70))
    assert alone == among[:64]
    again = encode_dialogues(items, tokenizer, settings_of(), models("opt"), "cpu")
    assert answer_chunks(split_model(models("opt")), again, [1]) == [among[64:]]


def test_looking_seldom_for_the_end_changes_nothing_and_looking_stops_early(models: Any, tokenizer: Any) -> None:
    """The stop is put where an answer has it: all rows hold the same prompt, so all end there."""
    network, rows, steps = split_model(models("opt")), 3, 11
    prompt = [2, *tokenizer.encode("User 1: the cat sat\nUser 2:", add_special_tokens=False)]

    def run(stop: str) -> torch.Tensor:
        from transformers import DynamicCache

        ids, cache = torch.tensor([prompt] * rows), DynamicCache(config=network.model.config)
        with torch.inference_mode():
            features = network.features(ids, past_key_values=cache, use_cache=True)
            buffers = StaticKVCache(rows, len(prompt), steps)
            buffers.put(0, cache)
            first = network.logits(features[:, -1]).argmax(-1)
            return greedy_decode(network, buffers, torch.full((rows,), len(prompt)), first, stop_table(tokenizer, 400, (2,), "cpu", stop))

    whole = run("never there")
    text = tokenizer.decode(whole[0])
    assert whole.shape == (rows, steps + 1)
    stop = text[len(text) // 2 : len(text) // 2 + 2]
    cut = run(stop)
    assert cut.shape[1] < steps + 1
    assert tokenizer.decode(cut[0]).split(stop)[0] == text.split(stop)[0]
    assert greedy_decoding.CHECK_EVERY > 1


def spread_table(vocabulary: int, steps: int) -> torch.Tensor:
    """Answers of all lengths: the first token says after how many more a row ends."""
    table = torch.arange(1, steps + 4)[:, None].clamp(max=steps + 2).repeat(1, vocabulary)
    table[0] = 1 + torch.arange(vocabulary) * 7 % steps
    return table


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_leave_change_no_other_answer(models: Any, tokenizer: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, items, steps = models(name), some_dialogues(24, seed=9, longest=10), 23
    dialogues = encode_dialogues(items, tokenizer, settings_of(new=steps + 1), model, "cpu")
    table = spread_table(VOCABULARY, steps)
    monkeypatch.setattr(dialogue_module, "_judge", lambda _, __, tokens, nll: (torch.tensor(tokens), nll))
    sizes: list[int] = []
    remove = _ActiveRows.remove
    monkeypatch.setattr(_ActiveRows, "remove", lambda rows, ended, count: (sizes.append(len(ended) - count), remove(rows, ended, count)))
    network = split_model(model)
    found: list[Any] = []
    for devices in ((), ("cpu",)):
        monkeypatch.setattr(greedy_decoding, "COMPACTING", devices)
        [answer] = answer_chunks(network, replace(dialogues, table=table), [0])
        found.append(answer)
    (whole, nll), (less, nll_too) = found
    assert whole.shape == less.shape and np.array_equal(nll, nll_too)
    assert sizes and sizes == sorted(sizes, reverse=True)
    state, ends = torch.zeros(len(whole), dtype=torch.long), torch.full((len(whole),), whole.shape[1])
    for place in range(whole.shape[1]):
        state = table[state, whole[:, place]]
        ends = torch.where((state == len(table) - 1) & (ends == whole.shape[1]), place + 1, ends)
    assert len(set(ends.tolist())) > 3
    for row, end in enumerate(ends):
        assert whole[row, :end].tolist() == less[row, :end].tolist()
    assert not torch.equal(whole, less), "what stands behind an end is not decoded"


@settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=2, max_size=20).filter(lambda ended: not all(ended)))
def test_what_belongs_to_a_row_moves_with_it(ended: list[bool]) -> None:
    count, mark = len(ended), torch.arange(len(ended))
    parts = (mark[:, None, None, None] * torch.ones(1, 2, 5, 3), -mark[:, None, None, None] * torch.ones(1, 2, 5, 3))
    layer = StaticKVCacheLayer(parts[0].clone(), parts[1].clone(), 4)
    rows = _ActiveRows(
        mark, mark[:, None].repeat(1, 3), mark + 100, mark + 200, mark[:, None, None, None].repeat(1, 1, 1, 5), Cache([layer])
    )
    rows.remove(torch.tensor(ended), sum(ended))
    stayed = [row for row in range(count) if not ended[row]]
    assert sorted(rows.index.tolist()) == stayed
    for own in (
        rows.tokens[:, 0],
        rows.state - 100,
        rows.prompt_lengths - 200,
        rows.visible[:, 0, 0, 0],
        layer.keys[:, 1, 3, 2],
        -layer.values[:, 0, 0, 1],
    ):
        assert own.tolist() == rows.index.tolist()
    assert layer.keys.shape == (len(stayed), 2, 4, 3)
    new = torch.full((len(stayed), 2, 1, 3), 7.0)
    assert layer.update(new, new)[0].shape == (len(stayed), 2, 5, 3) and bool((layer.keys[:, :, 4] == 7).all())
