"""Directions that keep or bring back what was learnt: ``retain`` and ``alternating``, against loops in plain torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny
import torch
from torch import Tensor
from torch.nn import functional

from gap.core.errors import BadInput
from gap.core.tables import read_table
from gap.models.load import load_model
from gap.models.weights import Snapshot, weights_digest
from gap.params.methods import Method
from gap.params.posttrain import PosttrainJob
from gap.params.runs import Retained, RunId
from gap.posttrain.job import posttrain
from gap.posttrain.replay import ReplayCheck, replay
from gap.posttrain.run import run_method
from gap.runtime.runtime import Runtime

TEXT, KEPT = torch.tensor([2, *range(30, 70)]), torch.tensor([2, *range(100, 125)])
OTHER, OTHER_KEPT = TEXT.flip(0), KEPT.flip(0)
RETAIN = {"kind": "retain", "corpus": "prose", "weight": 0.7}
ADAM = {"betas": (0.9, 0.98), "eps": 1e-8}


def nll(model: Any, ids: Tensor) -> Tensor:
    return functional.cross_entropy(model(ids[None]).logits[0, :-1], ids[1:])


def plain_loop(folder: Path, objective: Callable[[Any, int], Tensor], updates: int) -> list[list[Tensor]]:
    """The weights behind each of torch.optim.Adam's updates, which minimise ``objective`` of the model and the update from 1."""
    model = load_model(folder)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, **ADAM)
    found = []
    for update in range(1, updates + 1):
        optimizer.zero_grad()
        objective(model, update).backward()
        optimizer.step()
        found.append([weight.detach().clone() for weight in model.parameters()])
    return found


def check_weights(folder: Path, method: Method, texts: Any, retained: Any, wanted: list[list[Tensor]]) -> list[Any]:
    """Every update's weights are the wanted ones; its rows."""
    model = load_model(folder)
    names = [name for name, _ in model.named_parameters()]
    rows = []
    for row in run_method(Snapshot(model, compact=True), texts, method, len(wanted), retained):
        rows.append(row)
        for name, weight, other in zip(names, model.parameters(), wanted[row.step - 1] if row.step else [], strict=bool(row.step)):
            if not name.endswith("k_proj.bias"):  # its true gradient is 0: Adam scales rounding noise up to whole steps
                torch.testing.assert_close(weight, other, rtol=0, atol=1e-6)
    assert [row.step for row in rows] == list(range(len(wanted) + 1))
    return rows


def test_retain_is_an_independent_loop(model: Path) -> None:
    method = tiny.method(direction=RETAIN, learning_rate=1e-4)
    losses = []

    def objective(loaded: Any, _: int) -> Tensor:
        losses.append(float(nll(loaded, TEXT).detach()))
        return -nll(loaded, TEXT) + 0.7 * nll(loaded, KEPT)

    wanted = plain_loop(model, objective, 5)
    rows = check_weights(model, method, [[TEXT]], [[KEPT]], wanted)
    assert [row.loss for row in rows[1:]] == pytest.approx(losses, rel=1e-5), "the loss is that of the run's own text"


def test_several_texts_per_update_each_retain_one(model: Path) -> None:
    method = tiny.method(direction=RETAIN, learning_rate=1e-4, texts_per_update=2)

    def objective(loaded: Any, _: int) -> Tensor:
        return -(nll(loaded, TEXT) + nll(loaded, OTHER)) / 2 + 0.7 * (nll(loaded, KEPT) + nll(loaded, OTHER_KEPT)) / 2

    check_weights(model, method, [[TEXT, OTHER]], [[KEPT, OTHER_KEPT]], plain_loop(model, objective, 3))


def test_retaining_holds_the_kept_text_down(model: Path) -> None:
    after = {}
    for name, direction in {"ascent": {"kind": "ascent"}, "retain": RETAIN | {"weight": 1.0}}.items():
        loaded = load_model(model)
        kept = [[KEPT]] if name == "retain" else ()
        list(run_method(Snapshot(loaded, compact=True), [[TEXT]], tiny.method(direction=direction, learning_rate=1e-3), 8, kept))
        after[name] = float(nll(loaded, KEPT).detach())
    assert after["retain"] < float(nll(load_model(model), KEPT).detach()) and after["retain"] < after["ascent"]


def test_alternating_goes_up_and_down_in_turn(model: Path) -> None:
    method = tiny.method(direction={"kind": "alternating"}, learning_rate=1e-4)
    wanted = plain_loop(model, lambda loaded, update: (-1) ** update * nll(loaded, TEXT), 5)
    check_weights(model, method, [[TEXT]], (), wanted)


def test_a_skipped_update_does_not_take_a_turn(model: Path) -> None:
    """The first real update goes up, however many the fp16 scaler skipped before it."""
    scaled: dict[str, Any] = {"precision": "fp16", "loss_scale": 2.0**24, "learning_rate": 1e-3}
    ways = {}
    for kind in ("alternating", "ascent"):
        ways[kind] = list(
            run_method(Snapshot(load_model(model), compact=True), [[TEXT]], tiny.method(direction={"kind": kind}, **scaled), 14)
        )
    skipped = next(row.epoch for row in ways["ascent"] if row.real) - 1
    assert skipped > 0
    for kind, rows in ways.items():
        assert rows[skipped + 1].digest == ways["ascent"][skipped + 1].digest, kind
    assert ways["alternating"][skipped + 2].digest != ways["ascent"][skipped + 2].digest


@pytest.mark.parametrize("combine", [None, {"kind": "soup"}], ids=["run", "soup"])
def test_it_replays_bit_for_bit(model: Path, combine: dict[str, Any] | None) -> None:
    method = tiny.method([{"kind": "interpolation", "coefficient": 0.5}], combine, direction=RETAIN)
    texts, retained = ([[TEXT], [OTHER]], [[KEPT], [OTHER_KEPT]]) if combine else ([[TEXT]], [[KEPT]])
    loaded = load_model(model)
    base = Snapshot(loaded, compact=True)
    rows = [dataclasses.asdict(row) for row in run_method(base, texts, method, 3, retained)]
    expected = pd.DataFrame(rows).assign(model="m", method="x", corpus="c", text=0, run="r" * 16)
    seen = [(step, weights_digest(loaded)) for step in replay(base, texts, method, expected, ReplayCheck(), retained)]
    assert seen == list(zip(expected["step"][1:], expected["digest"][1:], strict=True))


def test_a_run_that_names_no_retained_text_is_refused(model: Path) -> None:
    with pytest.raises(BadInput, match="a run without retained texts"):
        list(run_method(Snapshot(load_model(model), compact=True), [[TEXT]], tiny.method(direction=RETAIN), 2))


def test_the_job_reads_the_retained_text_and_its_runs_depend_on_it(model: Path, tmp_path: Path) -> None:
    corpora = {
        name: tiny.texts_table(tmp_path / f"{name}.parquet", name, [tiny.essay(seed + first, 20) for seed in range(2)])
        for first, name in enumerate(("code", "prose"))
    }
    found = {}
    for index in (0, 1):
        run = RunId(run="r" * 16, corpus="code", text=0, retained=Retained(corpus="prose", texts=[[index]]))
        job = PosttrainJob(model="nano", method="retain", settings=tiny.method(direction=RETAIN), updates=2, runs=[run])
        posttrain(job, model, corpora, Path(f"runs/{index}.parquet"), Runtime("cpu", 1))
        found[index] = read_table(Path(f"runs/{index}.parquet"), "trajectories")
    assert found[0]["digest"][0] == found[1]["digest"][0] and found[0]["digest"][1] != found[1]["digest"][1]
    with pytest.raises(BadInput, match="--corpus prose=FILE"):
        posttrain(job, model, {"code": corpora["code"]}, Path("runs/x.parquet"), Runtime("cpu", 1))
    gone = job.model_copy(update={"runs": [RunId(run="r" * 16, corpus="code", text=0, retained=Retained(corpus="prose", texts=[[7]]))]})
    with pytest.raises(BadInput, match=r"prose.parquet: no text 7"):
        posttrain(gone, model, corpora, Path("runs/x.parquet"), Runtime("cpu", 1))
