"""Everything that needs a GPU, in order of worth, in so many minutes, into one JSON file.

    python benchmarks/gpu_day.py --minutes 10 --json FILE              # on a GPU; FILE is whole after every check
    python benchmarks/gpu_day.py --device cpu --minutes 10 --json FILE # the rehearsal: the same checks on a tiny shape
    python benchmarks/gpu_day.py --show FILE                           # the tables

Nothing is read from the network.  Items and texts come from GAP_MIRROR; without it, the shipped miniatures are scored.  ``--model`` (a GGUF
file or a Hugging Face folder) adds rows of study ``small``.  Every check is a process of its own: one that fails, or lacks a
package, does not stop the others.  A second call with the same FILE does only what has not passed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
#: Seconds between asking a check to end and killing it.
GRACE = 5.0
#: Largest difference in nats to a CPU, fp32; tensor cores are not used for fp32.
TOLERANCE = 1e-3
PEERS = ("ours", "hflm", "ours-dialogue", "padded", "generate")


@dataclass(frozen=True)
class Check:
    """One process: what it answers, its arguments behind the interpreter, and the seconds below which it is not begun."""

    name: str
    question: str
    arguments: tuple[str, ...]
    least: float


def checks(device: str, items: int, model: str | None, folder: Path) -> list[Check]:
    """All checks, the most telling first."""
    small, large, largest = ("opt-350m", "opt-1.3b", "opt-2.7b") if device == "cuda" else ("tiny",) * 3
    half, least = ("bf16", 40.0) if device == "cuda" else ("bf16", 10.0)

    def own(name: str, question: str, *more: str) -> Check:
        return Check(name, question, ("gpu_day.py", "--one", name, "--device", device, *more), least)

    def scored(shape: str, size: str, peers: tuple[str, ...] = PEERS) -> list[Check]:
        common = ("--dtype", half, "--shape", shape, "--items", str(items), "--device", device)
        tokens, repeats = ("16384", "2") if device == "cuda" else ("512", "1")
        more = ("--batch-tokens", tokens, "--repeats", repeats, "--threads", "1")
        return [
            Check(f"{size} {peer}", f"seconds per checkpoint of {shape} by {peer}", ("scorer.py", "--one", peer, *common, *more), least)
            for peer in peers
        ]

    def replayed(what: str) -> Check:
        precision = "fp16" if device == "cuda" else "fp32"
        common = ("--shape", small, "--device", device, "--precision", precision, "--items", str(items), "--threads", "1")
        return Check(f"replay {what}", f"seconds and memory of an update of {small}", ("replay.py", "--one", what, *common), least)

    rows = own("small", "rows of study small", "--model", model or "", "--folder", str(folder), "--items", str(items))
    return [
        own("runs", "does the device run at all, and agree with a CPU?"),
        *scored(small, "small"),
        own("kernels", "which kernel is chosen?", "--shape", small),
        *map(replayed, ("device", "host", "plain")),
        own("scaler", "which first updates does the fp16 loss scaler skip?", "--shape", small),
        *scored(large, "large"),
        *([rows] if model or device == "cpu" else []),
        *scored(largest, "largest", ("ours", "ours-dialogue")),
    ]


# ---------------------------------------------------------------- the day


def day(arguments: argparse.Namespace) -> int:
    """Run the checks until the time is over; exit code 1 where one failed."""
    from scorer import machine

    deadline = time.monotonic() + 60 * arguments.minutes
    old = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    items = arguments.items or (320 if arguments.device == "cuda" else 2)
    found: dict[str, Any] = {"device": arguments.device, "items": items, "checks": {}}
    asked = {name: found[name] for name in ("device", "items")}
    if old and {name: old.get(name) for name in asked} != asked:
        raise SystemExit(f"{arguments.json}: of another device or number of items; name another file")
    with contextlib.suppress(ImportError):
        found["machine"] = machine(arguments.device, 1)
    for check in checks(arguments.device, items, arguments.model, arguments.json.with_suffix(".small")):
        before = old.get("checks", {}).get(check.name, {})
        left = deadline - time.monotonic()
        if before.get("status") == "passed" or (arguments.only and check.name not in arguments.only):
            found["checks"][check.name] = before or {"status": "not asked for"}
        elif left < check.least:
            found["checks"][check.name] = before or {"status": "no time"}
        else:
            found["checks"][check.name] = {"question": check.question, **run(check, left - GRACE)}
            print(
                f"{check.name:<22} {found['checks'][check.name]['status']:<7} {found['checks'][check.name]['seconds']:6.1f} s", flush=True
            )
        save(arguments.json, found | summary(found["checks"]))
    print("\n".join(tables(json.loads(arguments.json.read_text()))))
    return int(any(check["status"] == "failed" for check in found["checks"].values()))


def run(check: Check, seconds: float) -> dict[str, Any]:
    """Status, seconds, the last line of JSON on its standard output, and where it did not pass the end of its standard error."""
    start, interrupted = time.monotonic(), False
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        script, *more = check.arguments
        process = subprocess.Popen([sys.executable, str(HERE / script), *more], stdout=out, stderr=err, start_new_session=True)
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        except KeyboardInterrupt:
            code, interrupted = None, True
        if code is None:
            end(process)
        out.seek(0)
        err.seek(0)
        lines = [line for line in out.read().splitlines() if line.startswith("{")]
        status = "passed" if code == 0 else "cut" if code is None else "failed"
        found: dict[str, Any] = {
            "status": status,
            "seconds": round(time.monotonic() - start, 1),
            "result": json.loads(lines[-1]) if lines else None,
        }
        if status == "failed":
            found["error"] = err.read()[-1500:]
    if interrupted:
        raise KeyboardInterrupt
    return found


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process and its children to end, then kill what is left."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            if signum == signal.SIGTERM:
                continue


def save(path: Path, found: dict[str, Any]) -> None:
    """Write ``found`` to another name and rename it: the file is whole at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(found, indent=2) + "\n")
    os.replace(temporary, path)


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Rows as ``scorer.py`` writes them, which ``paper_plan.py --measured`` reads, and the ratios with its goals on a GPU."""
    from scorer import RATIOS

    results = {name: check["result"] for name, check in found.items() if check.get("result")}
    rows = [row for name, row in results.items() if name.split()[0] in ("small", "large", "largest") and "scorer" in row]
    ratios: dict[str, dict[str, float | None]] = {}
    for size in ("small", "large"):
        for slow, fast, _, _, goal in RATIOS.values():
            fast = fast.removesuffix("-few")  # a GPU gives padding all items
            if goal and f"{size} {slow}" in results and f"{size} {fast}" in results:
                value = results[f"{size} {slow}"]["seconds"] / results[f"{size} {fast}"]["seconds"]
                ratios[f"{size}: {slow} / {fast}"] = {"measured": value, "goal": goal}
        if f"{size} ours" in results:
            share = results[f"{size} ours"]["utilisation"]
            ratios[f"{size}: share of peak FLOPs"] = {"measured": share, "goal": 0.4 if size == "large" else None}
    if "replay device" in results and "replay plain" in results:
        value = results["replay device"]["seconds_per_step"] / results["replay plain"]["seconds_per_step"]
        ratios["small: replayed update / plain torch"] = {"measured": value, "goal": None}
    return {"rows": rows, "ratios": ratios}


def tables(found: dict[str, Any]) -> list[str]:
    """Markdown: the checks, the ratios, the scorers, and rows of study small."""
    lines = ["| check | status | seconds | |", "| --- | --- | ---: | --- |"]
    for name, check in found["checks"].items():
        error = (check.get("error") or "").strip().splitlines()
        lines.append(f"| {name} | {check['status']} | {check.get('seconds', '')} | {error[-1][:120] if error else ''} |")
    lines += ["", "| ratio | measured | goal |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {ratio['measured']:.2f} | {ratio['goal'] or ''} |" for name, ratio in found["ratios"].items()]
    lines += [
        "",
        "| scorer | shape | dtype | items | seconds per checkpoint | items/s | memory, MiB |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in found["rows"]:
        cells = (
            row["scorer"],
            row["shape"],
            row["dtype"],
            row["items"],
            f"{row['seconds']:.2f}",
            f"{row['items_per_second']:.1f}",
            f"{row['memory_mib']:,.0f}",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    rows = (found["checks"].get("small", {}).get("result") or {}).get("rows", [])
    if rows:
        lines += ["", "| method | corpus | text | step | classification % | dialogue F1 |", "| --- | --- | ---: | ---: | ---: | ---: |"]
        lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return lines


# ---------------------------------------------------------------- the checks


def runs(arguments: argparse.Namespace) -> dict[str, Any]:
    """A tiny model on the device against the same on a CPU: scores, losses, and the bits of a second run.

    Raises
    ------
    SystemExit: a difference above ``TOLERANCE``, or other bits in the second run.
    """
    import torch
    from peers import Ours
    from workload import CHOICE, DIALOGUE, make_model, workload

    from gap.models.weights import Snapshot
    from gap.params.methods import Method
    from gap.params.one_text import PAPER
    from gap.posttrain.run import run_method

    load = workload(4, tuple([*CHOICE, *DIALOGUE]))

    def scores(device: str, dtype: str, layout: Any = "tree") -> list[float]:
        scorer = Ours(make_model("tiny", "cpu").to(device), load.tokenizer, dtype, device, 1024, layout)
        kinds = ((items, "choice" if task in CHOICE else "dialogue") for task, items in load.items.items())
        return [value for items, kind in kinds for sums in scorer.run(scorer.compile(items, kind), kind) for value in sums]

    def losses(device: str) -> tuple[list[float], list[str]]:
        method = Method.model_validate({"gap": PAPER})
        base = Snapshot(make_model("tiny", "cpu").to(device), compact=True)
        rows = list(run_method(base, [[torch.arange(64) * 7 % 8000]], method, 3))
        return [row.loss for row in rows], [row.digest for row in rows]

    device = arguments.device
    facts: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda}
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        facts |= {
            "gpu": properties.name,
            "memory_mib": properties.total_memory / 2**20,
            "capability": list(torch.cuda.get_device_capability()),
        }
    exact, fp32, plain, half = scores("cpu", "fp32"), scores(device, "fp32"), scores(device, "fp32", "plain"), scores(device, "bf16")
    (cpu_losses, _), first, second = losses("cpu"), losses(device), losses(device)
    facts["scores_from_cpu"] = max(abs(a - b) for a, b in zip(exact, fp32, strict=True))
    facts["trees_from_plain"] = max(abs(a - b) for a, b in zip(fp32, plain, strict=True))
    facts["bf16_from_fp32"] = max(abs(a - b) for a, b in zip(fp32, half, strict=True))
    facts["losses_from_cpu"] = max(abs(a - b) for a, b in zip(cpu_losses, first[0], strict=True))
    facts["same_bits_again"] = first == second
    print(json.dumps(facts), flush=True)
    if not facts["same_bits_again"] or max(facts[name] for name in ("scores_from_cpu", "trees_from_plain", "losses_from_cpu")) > TOLERANCE:
        raise SystemExit(f"differs by more than {TOLERANCE} nats, or in the bits of a second run: {facts}")
    return facts


def kernels(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a job of evaluation would choose: seconds of each kernel, and why the others were dropped."""
    import torch
    from peers import Ours
    from workload import make_model, workload

    from gap.evaluate.scoring.kernel_choice import choose

    load = workload(64 if arguments.device == "cuda" else 2, ("piqa",))
    scorer = Ours(make_model(arguments.shape, arguments.device), load.tokenizer, "bf16", arguments.device, 4096)
    batches = [batch for chunk in scorer.compile(load.items["piqa"], "choice") for batch in chunk.batches]
    choice = choose(scorer.network, batches, torch.bfloat16)
    return {"chosen": choice.name, "seconds": choice.seconds, "dropped": choice.dropped}


def scaler(arguments: argparse.Namespace) -> dict[str, Any]:
    """The first updates in fp16, for gradients of several sizes."""
    from scaler import first_updates

    found: dict[str, Any] = {}
    for spread in (0.5, 1.0, 2.0):
        rows = first_updates(arguments.shape, arguments.device, spread, "fp16", 6)
        found[f"matrices x {spread:g}"] = {
            "skipped_first": next((number for number, row in enumerate(rows) if row["real"]), len(rows)),
            "scales": [row["scale"] for row in rows],
        }
        print(json.dumps(found), flush=True)
    return found


def small(arguments: argparse.Namespace) -> dict[str, Any]:
    """Study ``small`` on one model, text after text, every real step to 15: ascent and its two controls.

    The real stages in the order of the workflow, below ``arguments.folder``, where finished tables stay: a second call goes on.
    """
    from study_rows import means, scored_tables, study_of

    folder = Path(arguments.folder).resolve()
    raw = study_of(arguments.model, arguments.items, folder)
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    rows: list[tuple[Any, ...]] = []
    for table in scored_tables(raw, arguments.device):
        rows += means(table)
        print(json.dumps({"rows": rows}), flush=True)
    return {"rows": rows}


def main() -> int:
    """The day, one check of it, or the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--json", type=Path, help="write everything here, after every check")
    parser.add_argument("--show", type=Path, help="print the tables of such a file and do nothing else")
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--items", type=int, help="per task; 320 on a GPU, 2 on a CPU")
    parser.add_argument("--model", help="a GGUF file or a Hugging Face folder for rows of study small")
    parser.add_argument("--only", nargs="+", help="names of checks")
    parser.add_argument("--one", choices=["runs", "kernels", "scaler", "small"], help=argparse.SUPPRESS)
    parser.add_argument("--shape", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.show:
        print("\n".join(tables(json.loads(arguments.show.read_text()))))
        return 0
    if arguments.one:
        from gap.runtime.device import open_device
        from gap.runtime.runtime import Runtime

        open_device(Runtime(arguments.device))
        print(json.dumps({"runs": runs, "kernels": kernels, "scaler": scaler, "small": small}[arguments.one](arguments)))
        return 0
    if arguments.json is None:
        parser.error("--json FILE is needed")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return day(arguments)
    except KeyboardInterrupt:
        print(f"cut; {arguments.json} holds what was done", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
