"""Against lm-eval's HF backend, request by request, over the families: fp32 to 1e-4 nats, bf16 no further from fp32 than it is."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from naive import naive_sum

from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.tasks.items import MultipleChoice

FAMILIES = ["opt", "opt-post", "gpt2", "gpt-neox", "llama", "qwen2"]
WORDS = ["the cat", "sat on", "a mat", "you said that", "it is not so", "we can go", "there now", "I think", "yes", "no"]
LONGEST = 60  # tokens that the model is fed


def some_items(count: int, seed: int, longest: int) -> list[MultipleChoice]:
    """Contexts from one phrase to ``longest``; continuations of one word and more, some of them twice or each other's beginning."""
    draw, made = random.Random(seed), []
    for _ in range(count):
        context = " ".join(draw.choices(WORDS, k=draw.randint(1, longest)))
        texts = [f" {' '.join(draw.choices(WORDS, k=draw.randint(1, 4)))}" for _ in range(draw.randint(1, 3))]
        made.append(MultipleChoice(context, (*texts, texts[0], f"{texts[0]} now", " yes"), 0))
    return made


def of_backend(
    model: Any, tokenizer: Any, items: list[MultipleChoice], batch: int, dtype: torch.dtype | None = None, softmax: str | None = None
) -> np.ndarray:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    backend = HFLM(
        pretrained=model, tokenizer=tokenizer, backend="causal", batch_size=batch, max_length=LONGEST, device="cpu", add_bos_token=True,
        mixed_precision_dtype=dtype, softmax_dtype=softmax,
    )  # fmt: skip
    pairs = [(item.context, text) for item in items for text in item.continuations]
    requests = [Instance("loglikelihood", {}, pair, place) for place, pair in enumerate(pairs)]
    return np.array([score for score, _ in backend.loglikelihood(requests, disable_tqdm=True)])


def of_ours(model: Any, tokenizer: Any, items: list[MultipleChoice], tokens: int, dtype: torch.dtype | None = None) -> np.ndarray:
    network = open_scoring_model(split_model(model), dtype)
    chunks = encode_items(items, tokenizer, LONGEST + 1, tokens, "cpu")
    with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        sums = score_chunks(network, chunks)
    return np.concatenate([one for chunk in sums for one in chunk])


@pytest.mark.parametrize("longest", [8, 40])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_continuation_agrees_with_the_backend_and_the_naive_scorer(models: Any, tokenizer: Any, name: str, longest: int) -> None:
    items = some_items(8, seed=longest, longest=longest)
    lengths = [1 + len(tokenizer.encode(item.context, add_special_tokens=False)) for item in items]
    assert max(lengths) > LONGEST if longest == 40 else max(lengths) < LONGEST
    model = models(name)
    ours = of_ours(model, tokenizer, items, 400)
    np.testing.assert_allclose(ours, of_backend(model, tokenizer, items, 4), rtol=0, atol=1e-4)
    naive = [naive_sum(model, tokenizer, item.context, text, LONGEST + 1) for item in items for text in item.continuations]
    np.testing.assert_allclose(ours, naive, rtol=0, atol=1e-4)


@pytest.mark.parametrize("softmax", [pytest.param(None, marks=pytest.mark.nightly), "float32"])
@pytest.mark.parametrize("name", FAMILIES)
def test_in_bf16_ours_is_nearer_to_fp32_than_the_backend_is(models: Any, tokenizer: Any, name: str, softmax: str | None) -> None:
    """Root mean squares (nats) over all continuations, the backend in its default and with log-softmax in fp32.

    The backend's own change with its batch size is often nothing on models this small, and its distance from fp32 is
    mostly its log-softmax in bf16; so both are held to fp32, and the distance between the two to what two independent
    roundings have.
    """
    items, model = some_items(24, seed=5, longest=8), models(name)
    exact = of_backend(model, tokenizer, items, 1)
    theirs = [of_backend(model, tokenizer, items, batch, torch.bfloat16, softmax) for batch in (1, 16, 64)]
    ours = [of_ours(model, tokenizer, items, tokens, torch.bfloat16) for tokens in (64, 400, 4000)]
    errors = [rms(one - exact) for one in ours], [rms(one - exact) for one in theirs]
    apart = max(rms(one - other) for one in ours for other in theirs)
    print(
        f"{name} {softmax}: from fp32 ours {max(errors[0]):.4f}, theirs {min(errors[1]):.4f}; apart {apart:.4f}; own change with the batch "
        f"ours {max(rms(one - ours[0]) for one in ours):.4f}, theirs {max(rms(one - theirs[0]) for one in theirs):.4f}"
    )
    assert min(errors[1]) > 0.01, "bf16 rounds"
    assert max(errors[0]) <= 1.1 * min(errors[1])
    assert apart <= 1.1 * np.hypot(max(errors[0]), max(errors[1]))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_a_checkpoints_bits_do_not_depend_on_the_checkpoints_around_it(models: Any, tokenizer: Any, dtype: torch.dtype | None) -> None:
    """Three sets of weights in several orders through one scoring_model, as a job scores its runs."""
    items = some_items(10, seed=6, longest=8)
    model = deepcopy(models("opt"))
    start = {name: value.clone() for name, value in model.state_dict().items()}
    network = open_scoring_model(split_model(model), dtype)
    chunks = encode_items(items, tokenizer, 120, 400, "cpu")

    def scored(factor: float) -> bytes:
        model.load_state_dict({name: value * factor for name, value in start.items()})
        network.refresh_weights()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is not None):
            return np.concatenate(score_chunks(network, chunks)[0]).tobytes()

    orders = [{factor: scored(factor) for factor in order} for order in ((1.0, 1.1, 0.9), (0.9, 1.0, 1.1), (1.1,), (0.9,))]
    assert all(found[factor] == orders[0][factor] for found in orders for factor in found)
    assert len(set(orders[0].values())) == 3
