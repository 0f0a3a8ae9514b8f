"""The scoring_model's improvements over six families: the plain scores, what is really left out, and falling back with a reason."""

from __future__ import annotations

import logging
import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import naive_answer, naive_sum
from torch import nn

from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.encoding.prefix_tree import ancestor_mask
from gap.evaluate.engine import chunked_attention as attention
from gap.evaluate.engine import last_layer_pruning as pruned
from gap.evaluate.engine import scoring_model as scoring_model_module
from gap.evaluate.engine.chunked_attention import SLICE, SLICED, sliced_attention
from gap.evaluate.engine.last_layer_pruning import QuerySelection, SelectedPositions
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import SplitModel, split_model
from gap.evaluate.scoring import decoding
from gap.evaluate.scoring.dialogue import answer_chunks, encode_dialogues
from gap.evaluate.scoring.kernel_choice import CapturedModel
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.params.evaluate import Evaluate
from gap.tasks.items import Dialogue, MultipleChoice

FAMILIES = ["opt", "opt-post", "gpt2", "gpt-neox", "llama", "qwen2", "granite"]
WORDS = ["the cat", "sat on", "a mat", "you said that", "it is not so", "we can go", "there now", "I think", "yes", "no"]
BOTH = ("a pruned last layer", "attention in slices")


def some_items(count: int, seed: int) -> list[MultipleChoice]:
    """Contexts of very different lengths, from one phrase to several slices of attention."""
    draw = random.Random(seed)

    def text(most: int) -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(1, most)))

    return [MultipleChoice(text(30), tuple(f" {text(3)}" for _ in range(draw.randint(2, 4))), 0) for _ in range(count)]


def quick(network: SplitModel, dtype: torch.dtype | None = None) -> SplitModel:
    scoring_model = open_scoring_model(network, dtype)
    assert not set(scoring_model.dropped) & set(BOTH)
    assert scoring_model.query_selection is not None and scoring_model.model.config._attn_implementation == SLICED
    return scoring_model


def chunks_of(items: list[MultipleChoice], tokenizer: Any, layout: Any = "tree", tokens: int = 512) -> Any:
    return encode_items(items, tokenizer, 150, tokens, "cpu", layout)


def scored(network: SplitModel, chunks: Any) -> np.ndarray:
    return np.concatenate([sums for chunk in score_chunks(network, chunks) for sums in chunk])


@pytest.mark.parametrize("layout", ["tree", "plain"])
@pytest.mark.parametrize("name", FAMILIES)
def test_scores_are_the_naive_scorers(models: Any, tokenizer: Any, name: str, layout: str) -> None:
    model, items = models(name), some_items(6, seed=1)
    chunks = chunks_of(items, tokenizer, layout)
    assert max(batch.ids.shape[1] for chunk in chunks for batch in chunk.batches) > 2 * SLICE
    wanted = [naive_sum(model, tokenizer, item.context, text, 150) for item in items for text in item.continuations]
    np.testing.assert_allclose(scored(quick(split_model(model)), chunks), wanted, rtol=0, atol=1e-4)
    assert model.config._attn_implementation == "sdpa"
    assert not any(isinstance(module, SelectedPositions) for module in model.modules())


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_are_those_of_generate(models: Any, tokenizer: Any, name: str) -> None:
    """The cache that a pruned pass over the prompts fills is that of every place."""
    model = models(name)
    items, compiled = some_prompts(tokenizer, model)
    [found] = answer_chunks(quick(split_model(model)), compiled, [0])
    for item, answer in zip(items, found, strict=True):
        assert answer.response == naive_answer(model, tokenizer, item.prompt, 120, 12)
        assert answer.nll == pytest.approx(-naive_sum(model, tokenizer, item.prompt, f" {item.reference}", 120), abs=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_in_bf16_decoding_attends_in_fp32(models: Any, tokenizer: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers are those of decoding with a cache in bf16, up to the first token that a rounding decides."""
    network = quick(split_model(models(name)), torch.bfloat16)
    _, compiled = some_prompts(tokenizer, network.model)
    kept: list[Any] = []
    decode = decoding.greedy_decode
    monkeypatch.setattr(decoding, "greedy_decode", lambda *given: kept.append((given[1].layers[-1], found := decode(*given))) or found)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answer_chunks(network, compiled, [0])
        monkeypatch.setattr(decoding, "cache_dtype", lambda _: None)
        network.model.set_attn_implementation("sdpa")
        answer_chunks(network, compiled, [0])
    (wide, tokens), (narrow, other) = kept
    assert [part.dtype for part in wide] == [torch.float32] * 2
    # keys that are rotated are in fp32 anyhow
    assert narrow[0].dtype == (torch.bfloat16 if name in ("opt", "opt-post", "gpt2") else torch.float32)
    same = (tokens == other).float().cumprod(1).mean()
    print(f"{name}: {same:.2f} of the tokens stand before a difference")
    assert same > 0.3


def some_prompts(tokenizer: Any, model: Any) -> Any:
    draw = random.Random(2)
    items = [Dialogue(f"User 1: {' '.join(draw.choices(WORDS, k=size))}\nUser 2:", "it is not so now") for size in (2, 5, 9, 14)]
    how = Evaluate(
        items=9, splits=["validation"], precision="fp32", replay_tolerance=0, max_length=120, max_new_tokens=12, batch_tokens=300
    )
    return items, encode_dialogues(items, tokenizer, how, model, "cpu")


@pytest.mark.parametrize("name", FAMILIES)
def test_the_last_layer_sees_only_what_is_looked_at(models: Any, tokenizer: Any, name: str) -> None:
    network = quick(split_model(models(name)))
    some = [module for module in network.model.modules() if isinstance(module, SelectedPositions)]
    assert len(some) == {"opt": 4, "opt-post": 4, "gpt2": 2, "gpt-neox": 2}.get(name, 3)
    seen: list[int] = []
    for module in some:
        module.source.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[:-1].numel()))
    batch = chunks_of(some_items(4, seed=3), tokenizer)[0].batches[0]
    more = {"attention_mask": batch.attention_mask, "position_ids": batch.position_ids, "use_cache": False}
    with torch.inference_mode():
        less, whole = network.features(batch.ids, batch.query_positions, **more), network.features(batch.ids, **more)
    assert seen == [len(batch.query_positions)] * len(some) + [batch.ids.numel()] * len(some)
    assert len(batch.query_positions) < batch.ids.numel() / 2
    torch.testing.assert_close(less.flatten(0, 1)[batch.query_positions], whole.flatten(0, 1)[batch.query_positions], rtol=0, atol=1e-4)
    assert network.query_selection == QuerySelection(None, network.query_selection.nearest, network.query_selection.shape)  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_a_chunks_bits_do_not_depend_on_what_follows(models: Any, tokenizer: Any, dtype: torch.dtype | None) -> None:
    items, network = some_items(40, seed=4), quick(split_model(models("opt")), dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is not None):
        alone, among = (scored(network, chunks_of(items[:count], tokenizer)) for count in (32, 40))
    assert alone.tolist() == among[: len(alone)].tolist()


@pytest.mark.parametrize("name", ["opt", "gpt2", "qwen2"])
def test_half_copies_are_pruned_too(models: Any, tokenizer: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where weights are not packed."""
    monkeypatch.setattr(scoring_model_module, "pack_weights", lambda network, dtype: (None, "not here"))
    network, chunks = split_model(models(name)), chunks_of(some_items(5, seed=5), tokenizer)
    scoring_model = open_scoring_model(network, torch.bfloat16)
    assert scoring_model.model.get_output_embeddings().weight.dtype == torch.bfloat16
    assert scoring_model.query_selection is not None and scoring_model.dropped == {"packed weights": "not here"}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, wanted = scored(scoring_model, chunks), scored(network, chunks)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.15)  # as in test_packed: one rounding of a logit


def test_captured_graphs_take_the_places_along(models: Any, tokenizer: Any) -> None:
    network, chunks = quick(split_model(models("opt"))), chunks_of(some_items(8, seed=6), tokenizer, tokens=80)
    captured = CapturedModel(**vars(network))
    for _ in range(2):
        assert np.array_equal(scored(captured, chunks), scored(network, chunks))
    assert all(any(name == "query_positions" for name, *_ in key) for key in captured.graphs)
    assert len(captured.graphs) == len({(batch.ids.shape, batch.query_positions.shape) for batch in chunks[0].batches})


def test_what_moves_the_logits_is_left_out(models: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    right, whole = SelectedPositions.forward, attention.sdpa_attention_forward
    monkeypatch.setattr(SelectedPositions, "forward", lambda self, inputs: 1.01 * right(self, inputs))

    def short(module: Any, query: Any, key: Any, value: Any, mask: Any, **more: Any) -> Any:
        return whole(module, query, key[:, :, :SLICE], value[:, :, :SLICE], mask[..., :SLICE], **more)

    monkeypatch.setattr(attention, "sdpa_attention_forward", short)
    with caplog.at_level(logging.INFO):
        scoring_model = open_scoring_model(split_model(models("gpt-neox")), None)
    assert scoring_model.query_selection is None and scoring_model.model.config._attn_implementation == "sdpa"
    assert set(scoring_model.dropped) == set(BOTH) and all("its logits differ by up to" in why for why in scoring_model.dropped.values())
    assert "GPTNeoXForCausalLM is scored without attention in slices" in caplog.text


def test_layers_of_another_make_are_left_as_they_are(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pruned, "BLOCK", "another name")
        scoring_model = open_scoring_model(split_model(models("llama")), None)
        assert scoring_model.query_selection is None
        assert scoring_model.dropped == {BOTH[0]: "NotImplementedError: its last layer has no feed-forward block of a known name"}
        assert not any(isinstance(module, SelectedPositions) for module in scoring_model.model.modules())
    body = nn.ModuleDict({"one": nn.ModuleList([nn.Linear(1, 1)] * 2), "other": nn.ModuleList([nn.Linear(1, 1)] * 2)})
    with pytest.raises(NotImplementedError, match="2 lists of 2 layers"):
        pruned.prune(models("llama"), body)


def test_eager_attention_is_not_sliced(models: Any) -> None:
    from copy import deepcopy

    model = deepcopy(models("qwen2"))
    model.set_attn_implementation("eager")
    scoring_model = open_scoring_model(split_model(model), None)
    assert scoring_model.dropped == {BOTH[1]: "NotImplementedError: its attention is eager"}


def test_a_small_model_stays_as_it_is(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring_model_module, "MIN_SIZE", 8 * 2**20)
    network = split_model(models("opt"))
    assert open_scoring_model(network, None) is network
    half = open_scoring_model(network, torch.bfloat16)
    assert half.model.get_output_embeddings().weight.dtype == torch.bfloat16 and half.query_selection is None
    assert half.model.config._attn_implementation == "sdpa"


@settings(max_examples=25)
@given(st.integers(1, 3 * SLICE + 1), st.sampled_from([1, 2, 4]), st.booleans(), st.integers(0, 10**6))
def test_slices_give_the_attention_of_trees_and_of_sequences(width: int, shared: int, tree: bool, seed: int) -> None:
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    query = torch.randn(2, 4, width, 8, generator=generator)
    key, value = (torch.randn(2, 4 // shared, width, 8, generator=generator) for _ in range(2))
    parents = [draw.randint(-1, node - 1) for node in range(width)]
    mask = torch.from_numpy(ancestor_mask(parents, width)).expand(2, 1, width, width) if tree else None
    module = nn.Module()
    module.num_key_value_groups, module.is_causal = shared, True  # type: ignore[assignment]
    found, _ = sliced_attention(module, query, key, value, mask, scaling=0.3)
    visible = torch.ones(width, width, dtype=torch.bool).tril() if mask is None else mask
    keys, values = (part.repeat_interleave(shared, 1).double() for part in (key, value))
    weights = (0.3 * query.double() @ keys.transpose(-1, -2)).masked_fill(~visible, -torch.inf).softmax(-1)
    np.testing.assert_allclose(found.double(), (weights @ values).transpose(1, 2), rtol=0, atol=1e-5)


@settings(max_examples=10)
@given(st.integers(1, 3), st.integers(2, 90), st.sampled_from([1, 2]), st.integers(0, 10**6))
def test_decoding_attends_in_fp32_under_autocast(rows: int, length: int, shared: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(rows, 4, 1, 8, generator=generator).bfloat16()
    key, value = (torch.randn(rows, 4 // shared, length, 8, generator=generator) for _ in range(2))
    mask = torch.rand(rows, 1, 1, length, generator=generator) < 0.7
    mask[..., -1] = True
    module = nn.Module()
    module.num_key_value_groups, module.is_causal = shared, True  # type: ignore[assignment]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, _ = sliced_attention(module, query, key, value, mask, scaling=0.3)
    keys, values = (part.repeat_interleave(shared, 1).double() for part in (key, value))
    weights = (0.3 * query.double() @ keys.transpose(-1, -2)).masked_fill(~mask, -torch.inf).softmax(-1)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.double(), (weights @ values).transpose(1, 2), rtol=0, atol=1e-5)
