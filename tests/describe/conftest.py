"""A tiny tokenizer and model, made once, and one that knows a text by heart."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import tiny
from tiny_fixtures import in_temporary_folder, model, one_thread, source, tokenizer

from gap.models.load import load_model
from gap.models.text import encode_text
from gap.models.tokenizer import load_tokenizer
from gap.params.describe import Describe

__all__ = ["in_temporary_folder", "model", "one_thread", "source", "tokenizer"]

TEXT = tiny.essay(5, 16)


@pytest.fixture(scope="session")
def opt(model: Path) -> Any:
    """The tiny random OPT, loaded as a job loads it."""
    return load_model(model)


@pytest.fixture(scope="session")
def ids(tokenizer: Path) -> Tensor:
    return encode_text(load_tokenizer(tokenizer), TEXT, max_tokens=512, positions=512)


@pytest.fixture(scope="session")
def by_heart(model: Path, ids: Tensor) -> Any:
    """The tiny OPT, trained on one text until it predicts nothing else."""
    network: Any = load_model(model)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(400):
        optimizer.zero_grad()
        network(input_ids=ids[None], labels=ids[None]).loss.backward()
        optimizer.step()
    return network.requires_grad_(True)


def settings(**changes: Any) -> Describe:
    return Describe.model_validate({"ngram": 3, "prefixes": 5, "continuation": 8, "gradient_items": 4, "gradients_gib": 1.0} | changes)
