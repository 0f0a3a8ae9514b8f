"""The half-precision scoring_model gives the bits that autocast gives, and follows the weights."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine.scoring_model import cast_weights
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.tasks.items import MultipleChoice

ITEMS = [MultipleChoice("the cat sat on", (" a mat", " the cat", " yes"), 0), MultipleChoice("User 1:", (" no", " I think so"), 1)]


def scored(model: Any, tokenizer: Any, dtype: torch.dtype) -> np.ndarray:
    with torch.autocast("cpu", dtype=dtype):
        return np.concatenate(score_chunks(split_model(model), encode_items(ITEMS, tokenizer, 100, 512, "cpu"))[0])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["opt", "opt-post", "gpt2", "gpt-neox", "llama", "qwen2"])
def test_the_same_bits_as_autocast_before_and_after_an_update(models: Any, tokenizer: Any, name: str, dtype: torch.dtype) -> None:
    model = deepcopy(models(name))
    scoring_model = cast_weights(split_model(model), dtype)
    assert np.array_equal(scored(scoring_model.model, tokenizer, dtype), before := scored(model, tokenizer, dtype))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.05)
    scoring_model.refresh_weights()
    after = scored(model, tokenizer, dtype)
    assert np.array_equal(scored(scoring_model.model, tokenizer, dtype), after) and not np.array_equal(before, after)


def test_the_original_keeps_its_weights_and_shares_the_rest(models: Any) -> None:
    model = deepcopy(models("opt"))
    kept = {name: weight.clone() for name, weight in model.state_dict().items()}
    scoring_model = cast_weights(split_model(model), torch.bfloat16)
    assert all(torch.equal(weight, kept[name]) and weight.dtype == torch.float32 for name, weight in model.state_dict().items())
    assert scoring_model.model.get_input_embeddings().weight is model.get_input_embeddings().weight
    assert scoring_model.model.get_output_embeddings().weight.dtype == torch.bfloat16
    norm = model.model.decoder.layers[0].self_attn_layer_norm
    assert scoring_model.model.model.decoder.layers[0].self_attn_layer_norm.weight is norm.weight
