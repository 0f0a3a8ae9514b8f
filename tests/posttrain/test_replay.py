from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import pandas as pd
import pytest
import tiny
import torch

from gap.core.errors import Refused
from gap.models.load import load_model
from gap.models.weights import Snapshot, weights_digest
from gap.params.methods import Method
from gap.posttrain.replay import ReplayCheck, ReplayWarning, replay
from gap.posttrain.run import run_method

IDS = torch.tensor([2, *range(30, 70)])


def recorded(model: Path, method: Method, updates: int = 5) -> pd.DataFrame:
    loaded = load_model(model)
    rows = [dataclasses.asdict(row) for row in run_method(Snapshot(loaded, compact=True), [[IDS]], method, updates)]
    return pd.DataFrame(rows).assign(model="m", method="gap", corpus="c", text=0, run="r" * 16)


def test_every_step_comes_back_with_its_weights(model: Path) -> None:
    expected, loaded = recorded(model, tiny.method()), load_model(model)
    base = Snapshot(loaded, compact=True)
    with torch.no_grad():
        next(loaded.parameters()).add_(1.0)  # what an earlier run left behind
    seen = [
        (step, weights_digest(loaded))
        for step in replay(base, [[IDS]], tiny.method(), expected.sample(frac=1, random_state=1), ReplayCheck())
    ]
    assert seen == list(zip(expected["step"][1:], expected["digest"][1:], strict=True))


def test_skipped_steps_are_passed_over(model: Path) -> None:
    gap = tiny.method(precision="fp16", loss_scale=2.0**24)
    expected, loaded = recorded(model, gap, 14), load_model(model)
    steps = list(replay(Snapshot(loaded, compact=True), [[IDS]], gap, expected, ReplayCheck()))
    assert steps == list(range(1, expected["step"].max() + 1)) and len(steps) < 14


def test_a_tampered_digest_is_refused_at_its_step(model: Path) -> None:
    expected, loaded = recorded(model, tiny.method()), load_model(model)
    expected.loc[3, "digest"] = "0" * 16
    steps = replay(Snapshot(loaded, compact=True), [[IDS]], tiny.method(), expected, ReplayCheck())
    assert [next(steps), next(steps)] == [1, 2]
    with pytest.raises(Refused, match="step 3"):
        next(steps)


def test_other_base_weights_are_refused_whatever_the_tolerance(model: Path, tmp_path: Path) -> None:
    expected, other = recorded(model, tiny.method()), load_model(tiny.make_model(tmp_path / "other", seed=5))
    with pytest.raises(Refused, match="base weights"):
        next(replay(Snapshot(other, compact=True), [[IDS]], tiny.method(), expected, ReplayCheck(1e9)))


def test_within_the_tolerance_it_goes_on_and_says_so(model: Path) -> None:
    expected, loaded = recorded(model, tiny.method()), load_model(model)
    expected.loc[3:, "digest"] = "0" * 16
    expected.loc[3, "loss"] *= 1 + 1e-6
    check = ReplayCheck(1e-5)
    with pytest.warns(ReplayWarning, match="from step 3 on"):
        assert list(replay(Snapshot(loaded, compact=True), [[IDS]], tiny.method(), expected, check)) == [1, 2, 3, 4, 5]
    assert (check.runs, check.equal, check.near) == (1, 2, 3) and check.largest == pytest.approx(1e-6, rel=1e-3)


@pytest.mark.parametrize(
    "method",
    [
        tiny.method(direction={"kind": "descent"}),
        tiny.method(direction={"kind": "random", "seed": 3}),
        tiny.method(direction={"kind": "alternating"}),
        tiny.method([{"kind": "lines", "alpha": 0.2, "beta": 0.8}, {"kind": "largest", "share": 0.3}]),
        tiny.method(combine={"kind": "soup"}),
        tiny.method(
            optimizer={"kind": "sign"}, objective={"kind": "smoothed_in_turn", "epsilon": 0.1}, rates={"kind": "layer_decay", "decay": 0.5}
        ),
    ],
    ids=["descent", "random", "alternating", "transforms", "soup", "sign"],
)
def test_every_method_replays_bit_for_bit(model: Path, method: Method) -> None:
    loaded = load_model(model)
    base = Snapshot(loaded, compact=True)
    texts = [[IDS], [IDS.flip(0)]] if method.combine else [[IDS]]
    rows = [dataclasses.asdict(row) for row in run_method(base, texts, method, 4)]
    expected = pd.DataFrame(rows).assign(model="m", method="x", corpus="c", text=0, run="r" * 16)
    check = ReplayCheck()
    seen = [(step, weights_digest(loaded)) for step in replay(base, texts, method, expected, check)]
    assert seen == list(zip(expected["step"][1:], expected["digest"][1:], strict=True)) and len(set(expected["digest"])) == 5
    assert (check.runs, check.equal, check.near, check.largest) == (1, 4, 0, 0.0)


@pytest.mark.parametrize(("column", "row", "value"), [("loss", 4, 9.0), ("update_norm", 2, 9.0), ("real", 3, False), ("diverged", 2, True)])
def test_beyond_the_tolerance_it_is_refused(model: Path, column: str, row: int, value: float) -> None:
    expected, loaded = recorded(model, tiny.method()), load_model(model)
    expected.loc[2:, "digest"] = "0" * 16
    expected.loc[row, column] = value
    steps = replay(Snapshot(loaded, compact=True), [[IDS]], tiny.method(), expected, ReplayCheck(1e-3))
    with warnings.catch_warnings(), pytest.raises(Refused, match=f"step {row}"):
        warnings.simplefilter("ignore", ReplayWarning)
        list(steps)


def test_another_method_is_refused(model: Path) -> None:
    expected, loaded = recorded(model, tiny.method()), load_model(model)
    with pytest.raises(Refused, match="step 1"):
        list(replay(Snapshot(loaded, compact=True), [[IDS]], tiny.method(eps=1e-6), expected, ReplayCheck()))
