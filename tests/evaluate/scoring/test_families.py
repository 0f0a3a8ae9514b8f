"""Families with their own ways of attention: what the job chooses for each, and that its scores are the naive scorer's."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from naive import naive_answer, naive_sum

from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import ASKED_FOR, split_model, whole_model
from gap.evaluate.scoring import decoding_check
from gap.evaluate.scoring.decoding_check import choose_decoding
from gap.evaluate.scoring.dialogue import answer_chunks, encode_dialogues, encode_trial
from gap.evaluate.scoring.layout_check import choose_layout
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.evaluate.scoring.trial_items import trial_items
from gap.params.evaluate import Evaluate
from gap.tasks.items import Dialogue, MultipleChoice

WORDS = [
    "the cat",
    "sat on",
    "a mat",
    "User 1 :",
    "you said",
    "that it",
    "is not so ,",
    "but I",
    "think we",
    "can go",
    "there now .",
    "Yes ?",
    "No !",
]
HOW = Evaluate(items=9, splits=["validation"], precision="fp32", replay_tolerance=0, max_length=120, max_new_tokens=10, batch_tokens=300)
WINDOW = 24
#: Family -> layout and decoding that suit it.
SUITS = {
    "bloom": ("plain", "cached"),
    "gemma3": ("plain", "cached"),
    "gpt-neo": ("plain", "plain"),
    "llama": ("tree", "cached"),
    "mamba": ("plain", "plain"),
    "mistral": ("plain", "cached"),
    "mixtral": ("tree", "cached"),
    "mpt": ("plain", "plain"),
}


def make(name: str) -> Any:
    import transformers as hf

    ids: dict[str, Any] = {"vocab_size": 400, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "initializer_range": 0.3}
    wide = ids | {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 160}
    llama = wide | {"num_key_value_heads": 1, "intermediate_size": 64}
    neo = {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "max_position_embeddings": 160, "window_size": WINDOW}
    configs = {
        "bloom": lambda: hf.BloomConfig(**ids, hidden_size=32, n_layer=2, n_head=2),  # ALiBi by the mask
        "gemma3": lambda: hf.Gemma3TextConfig(
            **llama, head_dim=16, sliding_window=WINDOW, layer_types=["sliding_attention", "full_attention"]
        ),
        "gpt-neo": lambda: hf.GPTNeoConfig(**ids, **neo, attention_types=[[["global", "local"], 1]]),
        "llama": lambda: hf.LlamaConfig(**llama),
        "mamba": lambda: hf.MambaConfig(**ids, hidden_size=32, num_hidden_layers=2, state_size=8),
        "mistral": lambda: hf.MistralConfig(**llama, sliding_window=WINDOW),
        "mixtral": lambda: hf.MixtralConfig(**llama, num_local_experts=4, sliding_window=None),
        "mpt": lambda: hf.MptConfig(**ids, d_model=32, n_layers=2, n_heads=2, max_seq_len=160),  # ALiBi by the column
    }
    torch.manual_seed(11)
    return hf.AutoModelForCausalLM.from_config(configs[name]()).float().eval()


def text(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(WORDS, k=words))


def choices() -> list[MultipleChoice]:
    """The first are shorter than the window."""
    draw = random.Random(0)
    return [
        MultipleChoice(text(draw, size), tuple(f" {text(draw, draw.randint(1, 4))}" for _ in range(3)), 0) for size in (1, 2, 1, 2, 17, 22)
    ]


def dialogues() -> list[Dialogue]:
    draw = random.Random(1)
    return [Dialogue(f"User 1: {text(draw, size)}\nUser 2:", "it is not so now") for size in (1, 1, 2, 2, 14, 20)]


@pytest.mark.parametrize("name", SUITS)
def test_what_is_chosen_gives_the_naive_scorers_numbers(tokenizer: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    model, items, turns = make(name), choices(), dialogues()
    base = split_model(model)
    network = open_scoring_model(base, None)
    with caplog.at_level(logging.WARNING):
        layout, no_tree = choose_layout(base, items, tokenizer, 120, "cpu")
        decoding, no_cache = choose_decoding(base, encode_trial(turns, tokenizer, HOW, model, "cpu"))
    assert (layout, decoding) == SUITS[name]
    assert (bool(no_tree), bool(no_cache)) == (layout == "plain", decoding == "plain")
    assert ("without trees" in caplog.text, "without a cache" in caplog.text) == (bool(no_tree), bool(no_cache))

    wanted = [naive_sum(model, tokenizer, item.context, choice, 120) for item in items for choice in item.continuations]
    scores = [sums for chunk in score_chunks(network, encode_items(items, tokenizer, 120, 300, "cpu", layout)) for sums in chunk]
    np.testing.assert_allclose(np.concatenate(scores), wanted, rtol=0, atol=1e-4)
    for network_used, way in ((network, decoding), (whole_model(model, ASKED_FOR), "plain")):
        encoded = replace(encode_dialogues(turns, tokenizer, HOW, model, "cpu"), decoding=way)
        [found] = answer_chunks(network_used, encoded, [0])
        for turn, answer in zip(turns, found, strict=True):
            assert answer.response == naive_answer(model, tokenizer, turn.prompt, 120, 10)
            assert answer.nll == pytest.approx(-naive_sum(model, tokenizer, turn.prompt, f" {turn.reference}", 120), abs=1e-4)


def test_the_longest_items_are_tried_too() -> None:
    """Short ones alone would show no window: the trees of a Mistral would be taken, and its long items scored wrongly."""
    assert trial_items(["a", "bbbb", "c", "ddd", "ee"], 4, len) == ["a", "bbbb", "c", "ddd"]
    assert trial_items(["a", "bb"], 4, len) == ["a", "bb"] and trial_items([], 4, len) == []


def test_short_dialogues_are_decoded_with_a_cache_where_that_is_right(tokenizer: Any) -> None:
    model = make("mistral")
    assert choose_decoding(split_model(model), encode_trial(dialogues()[:2], tokenizer, HOW, model, "cpu")) == ("cached", "")


def test_a_cache_that_moves_the_references_is_not_used(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    right = decoding_check.cached_answers

    def wrong(*given: Any) -> Any:
        tokens, nll = right(*given)
        return tokens, 1.001 * nll

    monkeypatch.setattr(decoding_check, "cached_answers", wrong)
    model = make("llama")
    way, reason = choose_decoding(split_model(model), encode_trial(dialogues(), tokenizer, HOW, model, "cpu"))
    assert way == "plain" and reason.startswith("the log-probabilities of its references differ by up to")
