"""Packed weights: the numbers of the plain layers, in both precisions, before and after an update; and falling back."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine import packed_linear as packed
from gap.evaluate.engine import scoring_model as scoring_model_module
from gap.evaluate.engine.packed_linear import PackedLinear, pack_linear_layers
from gap.evaluate.engine.scoring_model import open_scoring_model, pack_weights
from gap.evaluate.engine.split_model import SplitModel, split_model
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.tasks.items import MultipleChoice

ITEMS = [MultipleChoice("the cat sat on", (" a mat", " the cat", " yes"), 0), MultipleChoice("User 1:", (" no", " I think so"), 1)]
needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
BF16 = pytest.param(
    torch.bfloat16,
    marks=pytest.mark.skipif(
        not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()),
        reason="oneDNN has no bf16 products on this processor",
    ),
)


def packed_layers(network: SplitModel) -> list[PackedLinear]:
    return [module for module in network.model.modules() if isinstance(module, PackedLinear)]


def scored(network: SplitModel, tokenizer: Any, dtype: torch.dtype | None) -> np.ndarray:
    with nullcontext() if dtype is None else torch.autocast("cpu", dtype=dtype):
        return np.concatenate(score_chunks(network, encode_items(ITEMS, tokenizer, 100, 512, "cpu"))[0])


@needs_onednn
@pytest.mark.parametrize("dtype", [None, BF16])
@pytest.mark.parametrize("name", ["opt", "opt-post", "gpt2", "gpt-neox", "llama", "qwen2", "granite"])
def test_the_plain_layers_scores_before_and_after_an_update(models: Any, tokenizer: Any, name: str, dtype: torch.dtype | None) -> None:
    model = deepcopy(models(name))
    network = split_model(model)
    quick = open_scoring_model(network, dtype)
    assert packed_layers(quick)
    allowed = 1e-4 if dtype is None else 0.15  # one rounding of a logit near 16 to 8 bits is 1/16
    before = scored(network, tokenizer, dtype)
    np.testing.assert_allclose(scored(quick, tokenizer, dtype), before, rtol=0, atol=allowed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.2)
    stale = scored(quick, tokenizer, dtype)
    quick.refresh_weights()
    after = scored(network, tokenizer, dtype)
    np.testing.assert_allclose(scored(quick, tokenizer, dtype), after, rtol=0, atol=1.5 * allowed)
    assert np.abs(stale - after).max() > 2 * allowed, "a scoring_model that is not renewed shows"


@needs_onednn
def test_the_scoring_model_shares_what_it_does_not_pack(models: Any) -> None:
    model = deepcopy(models("opt"))
    scoring_model, _ = pack_weights(split_model(model), None)
    assert scoring_model is not None
    assert {id(weight) for weight in scoring_model.model.parameters()} <= {id(weight) for weight in model.parameters()}
    assert len(packed_layers(scoring_model)) == sum(isinstance(module, torch.nn.Linear) for module in model.modules())
    assert all(isinstance(module, torch.nn.Linear) for module in (model.lm_head, model.model.decoder.layers[0].fc1))


def test_where_packing_does_not_suit_the_reason_is_logged(
    models: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network = split_model(models("opt"))
    with caplog.at_level(logging.INFO), monkeypatch.context() as patch:
        patch.setattr(scoring_model_module, "MAX_PACKED_SIZE", 10)
        assert not packed_layers(open_scoring_model(network, None))
        half = open_scoring_model(network, torch.bfloat16)
        assert not packed_layers(half) and half.model.get_output_embeddings().weight.dtype == torch.bfloat16
        patch.undo()
        patch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        assert not packed_layers(open_scoring_model(network, None))
        patch.undo()

        def refuse(*_: Any) -> Any:
            raise RuntimeError("not on this processor")

        patch.setattr(packed, "PackedLinear", refuse)
        assert not packed_layers(open_scoring_model(network, None))
    assert [word in caplog.text for word in ("a second copy", "no oneDNN", "RuntimeError: not on this processor")] == [True] * 3


@needs_onednn
def test_packed_weights_that_give_other_logits_are_not_used(
    models: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right = packed.PackedLinear.forward
    monkeypatch.setattr(packed.PackedLinear, "forward", lambda layer, inputs: 1.1 * right(layer, inputs))
    with caplog.at_level(logging.INFO):
        assert not packed_layers(open_scoring_model(split_model(models("llama")), None))
    assert "with packed weights its logits differ by up to" in caplog.text


@needs_onednn
@pytest.mark.parametrize("dtype", [torch.float32, BF16])
def test_opts_products_clip_their_outputs_to_the_same_bits(models: Any, dtype: torch.dtype) -> None:
    model = models("opt")
    copy = deepcopy(model)
    pack_linear_layers(copy, dtype)
    layer, own = copy.model.decoder.layers[0], model.model.decoder.layers[0]
    assert layer.fc1.activation == "relu" and type(layer.activation_fn) is torch.nn.Identity and type(own.activation_fn) is torch.nn.ReLU
    inputs = torch.randn(3, 7, own.fc1.in_features, generator=torch.Generator().manual_seed(0))
    clipped = layer.fc1(inputs)
    layer.fc1.activation = "none"
    plain = layer.fc1(inputs)
    assert torch.equal(clipped, plain.relu()) and (plain < 0).any()
    other = deepcopy(models("gpt-neox"))
    pack_linear_layers(other, dtype)
    assert {layer.activation for layer in other.modules() if isinstance(layer, PackedLinear)} == {"none"}
