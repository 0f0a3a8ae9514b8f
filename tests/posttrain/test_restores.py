"""Weights that are put back are held to their digest, wherever that happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from gap.core.errors import Refused
from gap.models.load import load_model
from gap.models.weights import Snapshot, weights_digest
from gap.params.methods import Method
from gap.posttrain import transformed
from gap.posttrain.row import TrajectoryRow
from gap.posttrain.run import run_method

IDS = torch.tensor([2, *range(30, 70)])
OTHER = torch.tensor([2, *range(100, 140)])


def spoiled(model: Path, texts: list[list[torch.Tensor]], method: Method) -> list[TrajectoryRow]:
    """Rows of a run whose base snapshot has one wrong bit; the model itself begins unharmed."""
    loaded = load_model(model)
    base = Snapshot(loaded)
    base.saved[0].view(torch.int32)[3, 5] ^= 1
    return list(run_method(base, texts, method, 3))


def test_a_run_that_only_goes_on_needs_none(model: Path) -> None:
    assert len(spoiled(model, [[IDS]], tiny.method())) == 4


def test_random_steps_begin_at_the_base_or_not_at_all(model: Path) -> None:
    with pytest.raises(Refused, match="weights put back"):
        spoiled(model, [[IDS]], tiny.method(direction={"kind": "random", "seed": 1}))


def test_each_run_of_a_soup_begins_at_the_base_or_not_at_all(model: Path) -> None:
    with pytest.raises(Refused, match="a run of the combination"):
        spoiled(model, [[IDS], [OTHER]], tiny.method(combine={"kind": "soup"}))


def test_training_goes_on_from_its_own_weights_or_not_at_all(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(Snapshot):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.saved[-1].view(torch.int32).view(-1)[0] ^= 1

    method = tiny.method([{"kind": "interpolation", "coefficient": 0.5}])
    loaded = load_model(model)
    assert len(list(run_method(Snapshot(loaded, compact=True), [[IDS]], method, 2))) == 3
    monkeypatch.setattr(transformed, "Snapshot", Forgetful)
    loaded = load_model(model)
    with pytest.raises(Refused, match="weights put back"):
        list(run_method(Snapshot(loaded, compact=True), [[IDS]], method, 2))


def test_restoring_says_which_digest_it_wanted(model: Path) -> None:
    loaded = load_model(model)
    base, digest = Snapshot(loaded), weights_digest(loaded)
    base.restore(digest)
    with pytest.raises(Refused, match=f"{digest}.*0000"):
        base.restore("0" * 16)
