"""Every transform against a case worked out by hand, and against its definition on random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gap.core.errors import BadInput
from gap.methods import TRANSFORMS
from gap.methods.difference import Difference

NAMES = [
    "model.embed_tokens.weight",
    "model.final_layer_norm.weight",
    *(f"model.layers.{layer}.fc1.weight" for layer in (0, 1, 10)),
    "head.weight",
]


def transform(tensors: list[torch.Tensor], names: list[str] | None = None, **settings: Any) -> list[torch.Tensor]:
    parsed = TypeAdapter(TRANSFORMS.union()).validate_python(settings)
    done = [tensor.clone() for tensor in tensors]
    names = names or [f"layers.{place}.x" for place in range(len(tensors))]
    TRANSFORMS.of(parsed).function(parsed, Difference(names, done, done.__getitem__, lambda _, rows: rows))
    return done


def test_lines_rises_from_layer_to_layer() -> None:
    """Three layers, alpha 0.2, beta 0.6: 0.2, 0.5, 0.8; embeddings as the first, what stands above as the last."""
    done = transform([torch.ones(2)] * 6, NAMES, kind="lines", alpha=0.2, beta=0.6)
    assert [round(float(tensor[0]), 6) for tensor in done] == [0.2, 0.8, 0.2, 0.5, 0.8, 0.8]


def test_lines_on_a_tied_opt_takes_every_weight_once() -> None:
    from transformers import OPTConfig, OPTForCausalLM

    shape = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 4, "ffn_dim": 8, "num_attention_heads": 2, "word_embed_proj_dim": 8}
    model = OPTForCausalLM(OPTConfig(**shape))
    names = [name for name, _ in model.named_parameters()]
    done = dict(
        zip(
            names,
            transform([torch.ones_like(one) for _, one in model.named_parameters()], names, kind="lines", alpha=0.0, beta=1.0),
            strict=True,
        )
    )
    assert not any("lm_head" in name for name in names)  # tied: it is the embeddings
    by_layer = [round(float(done[f"model.decoder.layers.{layer}.fc1.weight"].max()), 6) for layer in range(4)]
    assert by_layer == [0.0, 0.333333, 0.666667, 1.0]
    assert float(done["model.decoder.embed_tokens.weight"].max()) == 0.0 == float(done["model.decoder.embed_positions.weight"].max())
    assert float(done["model.decoder.final_layer_norm.weight"].min()) == 1.0


@pytest.mark.parametrize("names", [["weight", "bias"], ["layers.0.a", "layers.0.b"]])
def test_lines_needs_layers(names: list[str]) -> None:
    with pytest.raises(BadInput, match=r"transform lines: a model with (no|1) numbered layer"):
        transform([torch.ones(1)] * 2, names, kind="lines", alpha=0.0, beta=1.0)


def test_interpolation() -> None:
    assert transform([torch.tensor([2.0, -4.0])], kind="interpolation", coefficient=0.25)[0].tolist() == [0.5, -1.0]
    assert transform([torch.tensor([2.0, -4.0])], kind="interpolation", coefficient=-1.0)[0].tolist() == [-2.0, 4.0]


def test_largest_over_all_tensors_together() -> None:
    """Three of six: 5, -4 and 3, wherever they stand."""
    done = transform([torch.tensor([1.0, -4.0, 0.5]), torch.tensor([[3.0], [5.0], [-2.0]])], kind="largest", share=0.5)
    assert done[0].tolist() == [0.0, -4.0, 0.0] and done[1].flatten().tolist() == [3.0, 5.0, 0.0]


@settings(max_examples=50)
@given(st.integers(1, 40), st.floats(0.01, 1.0), st.integers(0, 10**6), st.booleans())
def test_largest_is_a_sort(count: int, share: float, seed: int, ties: bool) -> None:
    draw = np.random.default_rng(seed)
    values = (draw.normal(size=count) * 10.0 ** draw.integers(-20, 20, count)).astype(np.float32)
    values = np.round(values / np.abs(values).max(), 1).astype(np.float32) if ties else values
    cut = count // 3
    tensors = [torch.from_numpy(values[:cut].copy()), torch.from_numpy(values[cut:].copy())]
    done = torch.cat(transform(tensors, kind="largest", share=share)).numpy()
    wanted = max(1, round(share * count))
    smallest = np.sort(np.abs(values))[::-1][wanted - 1]
    np.testing.assert_array_equal(done, np.where(np.abs(values) >= smallest, values, 0))


def test_low_rank_by_hand() -> None:
    """diag(3, 2, 1) at rank 2 loses its smallest entry; a vector stays."""
    matrix, vector = transform([torch.diag(torch.tensor([3.0, 2.0, 1.0])), torch.tensor([1.0, 2.0])], kind="low_rank", rank=2)
    torch.testing.assert_close(matrix, torch.diag(torch.tensor([3.0, 2.0, 0.0])))
    assert vector.tolist() == [1.0, 2.0]


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 10), st.integers(0, 10**6))
def test_low_rank_is_the_truncated_svd(rows: int, columns: int, rank: int, seed: int) -> None:
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    done = transform([matrix], kind="low_rank", rank=rank)[0]
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    values[rank:] = 0
    torch.testing.assert_close(done.double(), left @ torch.diag(values) @ right, rtol=0, atol=1e-5)
