"""What replaying a checkpoint costs, beside scoring it and beside plain torch, and how much memory it takes.

    python benchmarks/replay.py --json FILE                    # OPT-125M shape, 2 cores
    python benchmarks/replay.py --device cuda --json FILE      # OPT 350M, 1.3B and 2.7B shapes, 320 items, a text of 200 tokens

Every measurement is a process of its own, so that its peak memory is its own too; they run one after the other.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gap.params.one_text import PAPER

sys.path.insert(0, str(Path(__file__).parent))
TEXT, STEPS = 200, 4
#: The paper's settings; fp32 on a CPU, whose fp16 is slow.
GAP = PAPER | {"loss_scale": 1024.0, "texts": 100}


def timed(act: Callable[[], Any], device: str, repeats: int = 5) -> float:
    """Median seconds; one call before the clock starts."""
    from scorer import _wait

    seconds = []
    for _ in range(repeats + 1):
        _wait(device)
        start = time.perf_counter()
        act()
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def replaying(shape: str, device: str, precision: str, *, offload: bool) -> dict[str, Any]:
    """Seconds per replayed step and of its parts, and peak memory beyond the model."""
    import torch
    from scorer import _memory, _wait
    from workload import make_model

    from gap.models.weights import Snapshot, weights_digest
    from gap.params.methods import Method
    from gap.posttrain.run import run_method

    model = make_model(shape, device)
    ids = torch.arange(TEXT) * 7919 % 50000
    method = Method.model_validate({"gap": GAP | {"precision": precision}})
    before = _memory(device, reset=True)
    base = Snapshot(model, offload=offload, compact=True)
    steps, last = [], time.perf_counter()
    for update in run_method(base, [[ids]], method, STEPS + 1):
        _wait(device)
        now = time.perf_counter()
        steps += [now - last] if update.epoch > 1 else []  # the first makes the optimizer's state
        last = now
    peak = _memory(device) - before
    size = sum(weight.numel() for weight in model.parameters())
    return {
        "seconds_per_step": statistics.median(steps),
        "restore_seconds": timed(base.restore, device),
        "digest_seconds": timed(lambda: weights_digest(model), device),
        "distance_seconds": timed(base.distance, device),
        "peak_mib": peak,
        "copies_of_the_weights": peak * 2**20 / (4 * size),
        "parameters": size,
    }


def plain(shape: str, device: str, precision: str) -> dict[str, Any]:
    """The same update in plain torch: forward, backward, Adam; nothing measured, nothing recorded.

    Its peak memory beyond the model, and that of forward and backward passes alone (the gradient and what a text needs).
    """
    import torch
    from scorer import _memory
    from torch.nn import functional
    from workload import make_model

    model = make_model(shape, device)
    before = _memory(device, reset=True)
    ids = (torch.arange(TEXT) * 7919 % 50000).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-5, betas=(0.9, 0.98))
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)

    def backward() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, dtype=half or torch.bfloat16, enabled=half is not None):
            logits = model(input_ids=ids[None]).logits
        (-functional.cross_entropy(logits[0, :-1].float(), ids[1:])).backward()

    def update() -> None:
        backward()
        optimizer.step()

    for _ in range(STEPS):
        backward()
    passes = _memory(device) - before
    size = 4 * sum(weight.numel() for weight in model.parameters()) / 2**20
    seconds = timed(update, device, STEPS)
    peak = _memory(device) - before
    return {"seconds_per_step": seconds, "peak_mib": peak, "copies_of_the_weights": peak / size, "copies_of_the_passes": passes / size}


def scoring(shape: str, device: str, precision: str, count: int, batch_tokens: int) -> dict[str, Any]:
    """Seconds per checkpoint for each task."""
    from peers import Ours
    from workload import CHOICE, DIALOGUE, make_model, workload

    load = workload(count, tuple([*CHOICE, *DIALOGUE]))
    made = Ours(make_model(shape, device), load.tokenizer, precision, device, batch_tokens)
    seconds = {}
    for task, items in load.items.items():
        kind = "choice" if task in CHOICE else "dialogue"
        compiled = made.compile(items, kind)
        seconds[task] = timed(lambda compiled=compiled, kind=kind: made.run(compiled, kind), device, 1)
    return {"seconds": seconds, "items": {task: len(items) for task, items in load.items.items()}, "source": load.source}


def child(arguments: argparse.Namespace, what: str, shape: str) -> dict[str, Any]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, "--one", what, "--shape", shape, "--device", arguments.device, "--threads", str(arguments.threads)]
    command += ["--precision", arguments.precision, "--items", str(arguments.items)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        raise SystemExit(f"{what} {shape} failed with exit code {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{what:<8} {shape}: {json.dumps({key: value for key, value in found.items() if key not in ('seconds', 'items')})}", flush=True)
    return found


def compared(arguments: argparse.Namespace, shape: str) -> dict[str, Any]:
    """All measurements of one shape, and what follows from them."""
    found = {what: child(arguments, what, shape) for what in ("device", "host", "plain", "scoring")}
    seconds, items = found["scoring"]["seconds"], found["scoring"]["items"]
    full = {task: min(320, 100 if task == "copa" else 295 if task == "arc_challenge" else 320) for task in seconds}
    step = found["device"]["seconds_per_step"]
    # one job scores one task, so a step is replayed once per task
    share = {
        "measured_items": len(seconds) * step / sum(seconds.values()),
        "paper_items": len(seconds) * step / sum(seconds[task] * full[task] / items[task] for task in seconds),
    }
    return found | {"replay_share": share, "against_plain_torch": step / found["plain"]["seconds_per_step"]}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--items", type=int, help="per task; 24 on a CPU, 320 on a GPU")
    parser.add_argument("--shape", help="one of OPT's shapes")
    parser.add_argument("--precision", choices=["fp32", "bf16", "fp16"], help="fp32 on a CPU, fp16 on a GPU")
    parser.add_argument("--one", choices=["device", "host", "plain", "scoring"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    cuda = arguments.device == "cuda"
    arguments.items = arguments.items or (320 if cuda else 24)
    arguments.precision = arguments.precision or ("fp16" if cuda else "fp32")
    if arguments.one:
        from gap.runtime.device import open_device
        from gap.runtime.runtime import Runtime

        open_device(Runtime(arguments.device, arguments.threads))
        if arguments.one == "scoring":
            made = scoring(arguments.shape, arguments.device, arguments.precision, arguments.items, 16384 if cuda else 1024)
        elif arguments.one == "plain":
            made = plain(arguments.shape, arguments.device, arguments.precision)
        else:
            made = replaying(arguments.shape, arguments.device, arguments.precision, offload=arguments.one == "host")
        print(json.dumps(made))
        return
    from scorer import machine

    shapes = [arguments.shape] if arguments.shape else ["opt-350m", "opt-1.3b", "opt-2.7b"] if cuda else ["opt-125m"]
    result = {shape: compared(arguments, shape) for shape in shapes} | {"machine": machine(arguments.device, arguments.threads)}
    for shape in shapes:
        share = result[shape]["replay_share"]
        print(f"{shape}: replaying adds {100 * share['measured_items']:.1f} % to scoring {arguments.items} items a task,", end=" ")
        print(
            f"{100 * share['paper_items']:.1f} % to the paper's numbers of items (scaled); {result[shape]['against_plain_torch']:.2f} x plain torch"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
