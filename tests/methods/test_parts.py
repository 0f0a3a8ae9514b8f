"""Objectives, optimizers, rates and combinations, each against a case worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.nn import functional

from gap.core.errors import BadInput
from gap.core.registry import Registry
from gap.methods import COMBINATIONS, OBJECTIVES, OPTIMIZERS, RATES, REGISTRIES
from gap.methods.layers import Depth, depths


def part(registry: Registry[Any], **settings: Any) -> Any:
    parsed = TypeAdapter(registry.union()).validate_python(settings)
    return lambda *arguments: registry.of(parsed).function(parsed, *arguments)


def test_every_part_says_where_it_comes_from() -> None:
    import importlib

    for registry in REGISTRIES:
        assert registry.entries
        for entry in registry.entries.values():
            assert (importlib.import_module(entry.module).__doc__ or "").strip() and entry.function.__doc__, entry.module


def smoothed(epsilon: float) -> float:
    """Logits log 1, log 2, log 1 (probabilities 1/4, 1/2, 1/4), target 1."""
    return -(1 - epsilon) * math.log(1 / 2) - epsilon / 3 * (math.log(1 / 4) + math.log(1 / 2) + math.log(1 / 4))


def test_objectives() -> None:
    logits, targets = torch.log(torch.tensor([[1.0, 2.0, 1.0]])), torch.tensor([1])
    nll = functional.cross_entropy(logits, targets)
    assert part(OBJECTIVES, kind="nll")(nll, logits, targets, 1) is nll
    assert float(part(OBJECTIVES, kind="label_smoothing", epsilon=0.3)(nll, logits, targets, 1)) == pytest.approx(smoothed(0.3), abs=1e-6)
    turn = part(OBJECTIVES, kind="smoothed_in_turn", epsilon=0.3)
    assert [float(turn(nll, logits, targets, update)) for update in (1, 2, 3, 4)] == pytest.approx(
        [math.log(2), smoothed(0.3)] * 2, abs=1e-6
    )


def test_optimizers() -> None:
    def after(steps: int, **settings: Any) -> list[float]:
        weight = torch.nn.Parameter(torch.tensor([1.0, 1.0, 1.0]))
        optimizer = part(OPTIMIZERS, **settings)([{"params": [weight], "lr": 0.1}])
        for _ in range(steps):
            weight.grad = torch.tensor([4.0, -0.5, 0.0])
            optimizer.step()
        return weight.detach().tolist()

    assert after(1, kind="sgd", momentum=0.0) == pytest.approx([0.6, 1.05, 1.0])
    assert after(2, kind="sgd", momentum=0.5) == pytest.approx([1 - 0.4 - 0.6, 1 + 0.05 + 0.075, 1.0], abs=1e-6)
    assert after(2, kind="sign") == pytest.approx([0.8, 1.2, 1.0])
    adam = {"kind": "adam", "betas": (0.9, 0.98), "eps": 1e-8, "weight_decay": 0.0, "implementation": "foreach"}
    assert after(1, **adam) == pytest.approx([0.9, 1.1, 1.0], abs=1e-6)


def test_rates_decay_from_the_top() -> None:
    rate = part(RATES, kind="layer_decay", decay=0.5)
    assert [rate(Depth(layer, 3)) for layer in range(5)] == [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1]
    assert part(RATES, kind="uniform")(Depth(2, 3)) == 1.0
    with pytest.raises(ValidationError):
        part(RATES, kind="layer_decay", decay=0.0)


def test_a_soup_is_the_mean() -> None:
    assert part(COMBINATIONS, kind="soup")(4) == [0.25] * 4


@pytest.mark.parametrize(
    ("names", "layers"),
    [
        (["model.decoder.embed_tokens.weight", "model.decoder.layers.0.fc1.weight", "model.decoder.layers.11.fc1.weight", "model.decoder.final_layer_norm.bias"], [0, 1, 2, 3]),
        (["transformer.wte.weight", "transformer.wpe.weight", "transformer.h.0.attn.c_attn.weight", "transformer.h.1.ln_1.bias", "transformer.ln_f.weight"], [0, 0, 1, 2, 3]),
        (["gpt_neox.embed_in.weight", "gpt_neox.layers.0.mlp.x", "gpt_neox.layers.1.mlp.x", "embed_out.weight"], [0, 1, 2, 3]),
        (["model.embed_tokens.weight", "model.layers.0.mlp.x", "model.layers.1.mlp.x", "model.norm.weight", "lm_head.weight"], [0, 1, 2, 3, 3]),
        (["model.decoder.project_in.weight", "model.decoder.project_out.weight", "model.decoder.layers.0.x.y", "model.decoder.layers.1.x.y"], [0, 3, 1, 2]),
    ],
    ids=["opt", "gpt2", "gpt-neox", "llama", "opt-350m"],
)  # fmt: skip
def test_depths_of_known_families(names: list[str], layers: list[int]) -> None:
    assert [depth.layer for depth in depths(names, "a test")] == layers


def test_a_model_without_layers_has_no_depths() -> None:
    with pytest.raises(BadInput, match="a test: a model with no numbered layers"):
        depths(["weight"], "a test")
