"""Cost against items, against checkpoints, and with checkpoints already scored; and what a job costs before its first score.

    python benchmarks/curves.py --json FILE --figure docs/cost.png

Less than ten minutes on 2 CPU cores.  Cost must grow linearly with items and checkpoints and not with what is scored already.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
ITEMS = (4, 8, 16, 24, 32)
CHECKPOINTS = 6
#: Files of 30 runs, 15 steps and 32 items that stand beside the one to be written.
SCORED = (0, 10, 30, 100)
SHAPE = "opt-125m"


def clock(threads: int) -> Callable[[], float]:
    """Process time of one thread, which other jobs of the machine do not add to; wall time of several."""
    return time.process_time if threads == 1 else time.perf_counter


def by_items(threads: int) -> list[tuple[int, float]]:
    """Seconds for one checkpoint on the 8 multiple-choice tasks, by items per task, in fp32."""
    now = clock(threads)
    made, compiled = _compiled(max(ITEMS), threads)
    found = []
    for count in ITEMS:
        made.checkpoint()
        start = now()
        for blocks in compiled[count].values():
            made.run(blocks, "choice")
        found.append((count, now() - start))
    return found


def by_checkpoints(threads: int, count: int = 8) -> list[tuple[int, float]]:
    """Seconds since the start after each of several checkpoints, whose weights really differ."""
    import torch

    made, compiled = _compiled(count, threads)
    found, spent, now = [], 0.0, clock(threads)
    for number in range(1, CHECKPOINTS + 1):
        with torch.no_grad():
            for weight in made.original.parameters():
                weight.mul_(1 + 1e-4)
        start = now()
        made.checkpoint()
        for blocks in compiled[count].values():
            made.run(blocks, "choice")
        spent += now() - start
        found.append((number, spent))
    return found


def _compiled(most: int, threads: int) -> tuple[Any, dict[int, dict[str, Any]]]:
    """Our scorer, warm, and the tasks compiled for every number of items up to ``most``."""
    import torch
    from peers import Ours
    from workload import CHOICE, make_model, workload

    torch.set_num_threads(threads)
    load, model = workload(most, tuple(CHOICE)), make_model(SHAPE, "cpu")
    made = Ours(model, load.tokenizer, "fp32", "cpu", 1024)
    counts = [count for count in ITEMS if count <= most]
    compiled = {count: {task: made.compile(items[:count], "choice") for task, items in load.items.items()} for count in counts}
    made.run(made.compile(load.items["copa"][:2], "choice"), "choice")
    return made, compiled


def by_scored(threads: int) -> list[tuple[int, float]]:
    """Seconds of a whole evaluation job (one checkpoint, one task, a tiny model) by how many score files its folder holds."""
    from workload import make_model, workload

    from gap.evaluate.job import RunFiles, TaskFiles, evaluate
    from gap.params.evaluate import EvaluateJob, ScoredTask
    from gap.tasks.items import load_items

    folder = Path(tempfile.mkdtemp(prefix="gap-curves-"))
    load = workload(32, ("copa",))
    model = make_model("tiny", "cpu")
    model.save_pretrained(folder / "model")
    load.tokenizer.save_pretrained(folder / "model")
    items = Path(load.folder) / "copa.jsonl"
    assert load_items("copa", items, 32)
    from peers import settings

    job = EvaluateJob(model="tiny", method="", tasks=[ScoredTask(task="copa", split="validation")], evaluate=settings(1024), items=32)
    os.chdir(folder)
    out = folder / "scores/base.parquet"
    from gap.runtime.runtime import Runtime

    runtime = Runtime("cpu", threads)
    evaluate(job, folder / "model", {("copa", "validation"): TaskFiles(items, out)}, RunFiles(), runtime)
    found, now = [], clock(threads)
    for count in SCORED:
        _fill(out, count)
        passes = []
        for _ in range(3):
            start = now()
            evaluate(job, folder / "model", {("copa", "validation"): TaskFiles(items, out)}, RunFiles(), runtime)
            passes.append(now() - start)
        found.append((count, sorted(passes)[1]))
    return found


def _fill(out: Path, count: int) -> None:
    """Put ``count`` files of other runs beside ``out``, each with 30 runs of 15 steps and its provenance record, as jobs write them."""
    import pandas as pd

    from gap.core.files import read_json, write_json
    from gap.core.tables import read_table, write_table

    rows, provenance = read_table(out, "item_scores"), read_json(out.with_name(f"{out.stem}.provenance.json"))
    for number in range(count):
        place = out.with_name(f"texts-{number:04d}.parquet")
        if place.exists():
            continue
        names = [f"{number}-{run}" for run in range(30)]
        parts = [rows.assign(run=name, step=step) for name in names for step in range(1, 16)]
        write_table(pd.concat(parts, ignore_index=True), place, "item_scores")
        runs = [{"run": name, "corpus": "code", "text": text, "members": []} for text, name in enumerate(names)]
        write_json(place.with_name(f"{place.stem}.provenance.json"), provenance | {"settings": provenance["settings"] | {"runs": runs}})


def overhead(threads: int) -> dict[str, float]:
    """Seconds before the first score of a job: each part in the order of a job, in a process of its own."""
    code = """
import json, sys, time
now = time.process_time if sys.argv[2] == "1" else time.perf_counter
found, start = {}, now()
def lap(name):
    global start
    found[name] = now() - start
    start = now()
import torch
torch.set_num_threads(int(sys.argv[2]))
lap("importing torch")
import transformers
from transformers import OPTForCausalLM
lap("importing transformers")
import gap.evaluate.session
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.scoring.dialogue import encode_dialogues
lap("importing the scorer")
from gap.models.load import load_model
model = load_model(sys.argv[1], torch.device("cpu"))
lap("loading the model (125M, fp32)")
network = split_model(model)
lap("trying body and head")
scoring_model = open_scoring_model(network, None)
lap("packing weights, pruning and slices, with the proofs")
scoring_model.refresh_weights()
lap("packing weights again (each checkpoint)")
sys.path.insert(0, sys.argv[3])
from workload import CHOICE, DIALOGUE, workload
from peers import settings
load = workload(320, tuple(CHOICE + DIALOGUE))
start = now()
for task in CHOICE:
    encode_items(load.items[task], load.tokenizer, 512, 1024, "cpu")
lap("compiling 8 multiple-choice tasks, 320 items")
for task in DIALOGUE:
    encode_dialogues(load.items[task], load.tokenizer, settings(1024), model, "cpu")
lap("compiling 4 dialogue sets, 320 items")
print(json.dumps(found))
"""
    from workload import make_model

    with tempfile.TemporaryDirectory(prefix="gap-curves-") as folder:
        make_model(SHAPE, "cpu").save_pretrained(folder)
        command = [sys.executable, "-c", code, folder, str(threads), str(Path(__file__).parent)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def draw(result: dict[str, Any], path: Path) -> None:
    """Three panels, each with the line through the origin or the level that it should be."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained")
    panels = [
        ("by_items", "items per task (8 tasks)", "seconds per checkpoint"),
        ("by_checkpoints", "checkpoints", "seconds in all"),
        ("by_scored", "files of 450 checkpoints at hand", "seconds per job"),
    ]
    for axis, (name, across, up) in zip(axes, panels, strict=True):
        xs, ys = zip(*result[name], strict=True)
        axis.plot(xs, ys, "o-", color="#1f4e79", markersize=4)
        axis.set(xlabel=across, ylabel=up, ylim=(0, 1.2 * max(ys)), xlim=(0, None) if name != "by_scored" else None)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def table(result: dict[str, Any]) -> list[str]:
    """What the documentation shows."""
    made = ["| before the first score | seconds |", "| --- | ---: |"]
    made += [f"| {name} | {value:.2f} |" for name, value in result["overhead"].items()]
    for name, title in (("by_items", "items"), ("by_checkpoints", "checkpoints"), ("by_scored", "score files at hand")):
        made += ["", f"| {title} | " + " | ".join(str(x) for x, _ in result[name]) + " |", "| --- " + "| ---: " * len(result[name]) + "|"]
        made.append("| seconds | " + " | ".join(f"{y:.2f}" for _, y in result[name]) + " |")
    return made


def main() -> None:
    """Measure, print, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--figure", type=Path, help="draw the curves here")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--draw", type=Path, help="measure nothing: draw this result of an earlier call")
    arguments = parser.parse_args()
    if arguments.draw:
        result = json.loads(arguments.draw.read_text())
    else:
        from scorer import machine

        # fmt: off
        here = Path.cwd()
        result = {
            "overhead": overhead(arguments.threads), "by_items": by_items(arguments.threads),
            "by_checkpoints": by_checkpoints(arguments.threads), "by_scored": by_scored(arguments.threads),
            "machine": machine("cpu", arguments.threads),
        }
        # fmt: on
        os.chdir(here)
    print("\n".join(table(result)))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    if arguments.figure:
        draw(result, arguments.figure)


if __name__ == "__main__":
    main()
