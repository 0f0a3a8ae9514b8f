"""The tree layout is used where it gives the plain layout's scores; else the reason is logged."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from gap.evaluate.engine.split_model import SplitModel, split_model
from gap.evaluate.scoring.layout_check import choose_layout
from gap.tasks.items import MultipleChoice


def some_items() -> list[MultipleChoice]:
    return [MultipleChoice("the cat sat on", (" a mat", " the cat", " yes"), 0), MultipleChoice("User 1:", (" no", " I think so"), 1)]


class Deaf(torch.nn.Module):
    """A model that takes a mask and heeds none."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, **more: Any) -> Any:
        return self.inner(input_ids=input_ids, **more)


class Flat(Deaf):
    """A model that knows masks of two dimensions only."""

    def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, **more: Any) -> Any:
        if attention_mask is not None and attention_mask.dim() != 2:
            raise ValueError("attention_mask must have two dimensions")
        return self.inner(input_ids=input_ids, **more)


@pytest.mark.parametrize(("kind", "reason"), [(Deaf, "differ by up to"), (Flat, "does not take a 4-D mask")])
def test_a_model_that_trees_do_not_suit_is_scored_plainly(
    models: Any, tokenizer: Any, caplog: pytest.LogCaptureFixture, kind: type[Deaf], reason: str
) -> None:
    network = split_model(models("opt"))
    assert choose_layout(network, some_items(), tokenizer, 100, "cpu") == ("tree", "")
    broken = SplitModel(network.model, kind(network.body), network.head)
    with caplog.at_level(logging.WARNING):
        layout, why = choose_layout(broken, some_items(), tokenizer, 100, "cpu")
    assert layout == "plain" and reason in why and reason in caplog.text


def test_a_model_that_cannot_be_scored_at_all_says_so(models: Any, tokenizer: Any) -> None:
    network = split_model(models("opt"))

    class Broken(Deaf):
        def forward(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        choose_layout(SplitModel(network.model, Broken(network.body), network.head), some_items(), tokenizer, 100, "cpu")
