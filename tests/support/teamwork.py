"""What the tests of process groups let one process and several do: module-level functions, because new processes import them by name."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import tiny
import torch

from gap.params.describe import Describe, DescribeJob, GradientTask
from gap.params.evaluate import Evaluate, EvaluateJob, ScoredTask
from gap.params.methods import Method
from gap.params.posttrain import PosttrainJob
from gap.params.runs import RunId
from gap.plan.code import code_versions
from gap.runtime.runtime import Runtime

RUNS = [RunId(run=f"run{text}", corpus="some", text=text) for text in range(2)]
TASKS = ("piqa", "blended_skill_talk")
IDS, OTHER = torch.tensor([2, *range(30, 70)]), torch.tensor([2, *range(100, 140)])
ODD = {"vocab_size": 341, "max_position_embeddings": 61}  # rows that two processes cannot halve

METHODS: dict[str, tuple[Method, list[list[torch.Tensor]]]] = {
    "ascent": (tiny.method(), [[IDS]]),
    "sgd, layer-wise rates, two texts": (
        tiny.method(optimizer={"kind": "sgd", "momentum": 0.9}, rates={"kind": "layer_decay", "decay": 0.8}, learning_rate=1e-2),
        [[IDS, OTHER]],
    ),
    "random": (tiny.method(direction={"kind": "random", "seed": 1}), [[IDS]]),
    "largest": (tiny.method([{"kind": "largest", "share": 0.1}]), [[IDS]]),
    "low rank": (tiny.method([{"kind": "low_rank", "rank": 2}]), [[IDS]]),
    "soup with LiNeS": (tiny.method([{"kind": "lines", "alpha": 0.2, "beta": 0.8}], {"kind": "soup"}), [[IDS], [OTHER]]),
    "fp16": (tiny.method(precision="fp16", loss_scale=2.0**20), [[IDS]]),
    "bf16": (tiny.method(precision="bf16"), [[IDS]]),
}


def make_world(folder: Path) -> None:
    """Items and a corpus."""
    items = {
        "piqa": [{"goal": f"paper {number}", "sol1": "river motor garden", "sol2": f"window {number}", "label": number % 2} for number in range(40)],
        "blended_skill_talk": [{"text": [f"garden river {number}", f"signal {number} motor paper"]} for number in range(34)],
    }  # fmt: skip
    folder.mkdir()
    for task, lines in items.items():
        (folder / f"{task}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    tiny.texts_table(folder / "some.parquet", "some", [tiny.essay(seed, 12) for seed in range(2)])


def posttrain_job(runs: list[RunId] = RUNS, updates: int = 3) -> PosttrainJob:
    # as the workflow writes it, with the version of the code: what one process journaled is then another's too
    code = code_versions("gap.posttrain.job", *tiny.method().modules)
    return PosttrainJob(model="nano", method="gap", settings=tiny.method(), updates=updates, runs=runs, code=code)


def evaluate_job(task: str) -> EvaluateJob:
    how = {"precision": "fp32", "max_length": 40, "max_new_tokens": 6, "batch_tokens": 256, "replay_tolerance": 0, "noise_items": 4}
    return EvaluateJob(
        model="nano", method="gap", tasks=[ScoredTask(task=task, split="validation")], settings=tiny.method(), updates=3,
        evaluate=Evaluate(items=34, splits=["validation"], **how), items=34, runs=RUNS,
    )  # fmt: skip


def stages(world: Path, model: Path, recorded: Path, out: Path, runtime: Runtime) -> None:
    """Every stage that opens a model; evaluation replays the trajectories in ``recorded``."""
    from scored import evaluate_one

    from gap.core.errors import BadInput
    from gap.describe.job import describe
    from gap.evaluate.checks.noise_floor import noise_report
    from gap.posttrain.job import posttrain

    corpora = {"some": world / "some.parquet"}
    posttrain(posttrain_job(RUNS[:1]), model, corpora, out / "runs/one.parquet", runtime)
    posttrain(posttrain_job(), model, corpora, out / "runs/all.parquet", runtime)
    for task in TASKS:
        where = replace(runtime, memory="host" if task == "piqa" else "device")
        evaluate_one(evaluate_job(task), model, world / f"{task}.jsonl", corpora, recorded, out / f"{task}/all.parquet", where)
    settings = Describe(ngram=2, prefixes=2, continuation=6, gradient_items=3, gradients_gib=1.0)
    tasks = [GradientTask(task="piqa", split="validation", basis="b")]
    described = DescribeJob(
        model="nano", describe=settings, max_tokens=40, max_length=40, tasks=tasks, corpora={"some": "key"}, first=0, last=2
    )
    describe(described, model, {"piqa": {"validation": world / "piqa.jsonl"}}, corpora, out / "features/all.parquet", runtime)
    files = {task: {"validation": world / f"{task}.jsonl"} for task in TASKS}
    noise_report({"nano": model}, files, evaluate_job("piqa").evaluate, out / "noise.json", runtime)
    save(model, out / "saved")
    try:
        refused = out / "lm-eval.parquet"
        evaluate_one(evaluate_job("piqa"), model, world / "piqa.jsonl", corpora, recorded, refused, runtime, scorer="lm-eval")
    except BadInput as error:
        (out / "refused.txt").write_text(str(error))


def save(model: Path, out: Path) -> None:
    from gap.checkpoints.materialise import save as saved
    from gap.models.load import load_model

    saved(load_model(model), model, out, {"made": "by a test"})


def run_methods(models: dict[str, Path], out: Path, runtime: Runtime) -> None:
    """Every method on the first model and the ascent on all, with gradients and state on the device and on the host."""
    from gap.models.load import load_model
    from gap.models.weights import Snapshot
    from gap.posttrain.run import run_method
    from gap.runtime.device import open_device
    from gap.runtime.process_group import is_first

    found: dict[str, list[Any]] = {}
    for name, folder in models.items():
        model = load_model(folder, open_device(runtime))
        for offload in (False, True):
            base = Snapshot(model, offload=offload, compact=True)
            for method, (settings, texts) in METHODS.items() if not found or offload else [("ascent", METHODS["ascent"])]:
                if offload and name != next(iter(models)):
                    continue
                base.restore()
                rows = list(run_method(base, texts, settings, 3))
                found[f"{name}, {method}, offload {offload}"] = [
                    [
                        row.step,
                        row.digest,
                        row.loss,
                        row.real,
                        row.diverged,
                        row.changed_fraction,
                        row.grad_norm,
                        row.update_norm,
                        row.distance,
                    ]
                    for row in rows
                ]
    if is_first():
        out.write_text(json.dumps(found))


def posttrain_until(gate: Path, world: Path, model: Path, runs: list[RunId], updates: int, runtime: Runtime) -> None:
    """Post-train, and once a run is in the journal wait to read the FIFO ``gate``: a job that is never done before it is killed."""
    from gap.posttrain.job import posttrain
    from gap.runtime.journal import Journal

    add = Journal.add

    def add_and_wait(self: Journal, unit: str, rows: Any) -> None:
        add(self, unit, rows)
        gate.read_text()

    Journal.add = add_and_wait  # type: ignore[method-assign]
    posttrain(posttrain_job(runs, updates), model, {"some": world / "some.parquet"}, Path("runs/all.parquet"), runtime)


def main(*arguments: str) -> None:
    """``posttrain_until`` by two processes; the last argument is the JSON of the runs' names and texts."""
    from functools import partial

    from gap.runtime.launch import launch

    gate, world, model, updates, runs = arguments
    chosen = [RunId(run=name, corpus="some", text=text) for name, text in json.loads(runs)]
    launch(partial(posttrain_until, Path(gate), Path(world), Path(model), chosen, int(updates)), Runtime("cpu", 2, 2))


if __name__ == "__main__":
    main(*sys.argv[1:])
