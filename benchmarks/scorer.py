"""How fast checkpoints are scored, beside lm-eval's HF backend, padding to 512, and HF generate, all in one run.

    python benchmarks/scorer.py --json FILE                    # the whole table
    python benchmarks/scorer.py --quick --json FILE            # two ratios in fp32, a few minutes on 2 cores
    python benchmarks/scorer.py --device cuda --json FILE      # OPT 350M, 1.3B and 2.7B shapes, 320 items

Every measurement is a process of its own, so that its peak memory is its own too; they run one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
#: scorer -> kind of tasks
KINDS = {
    "ours": "choice", "plain": "choice", "hflm": "choice", "ours-once": "choice", "hflm-once": "choice", "padded": "choice",
    "ours-dialogue": "dialogue", "generate": "dialogue",
}  # fmt: skip
#: These are given the items of all tasks in one call, as lm-eval's own evaluator does; the others task by task, as jobs are.
ONCE = ("ours-once", "hflm-once")
#: name of a ratio -> (kind of row, slower, faster, dtype, goal on the CPU, goal on a GPU)
RATIOS = {
    "mc_vs_hflm_fp32": ("hflm", "ours", "fp32", 5.0, None),
    "mc_vs_hflm_bf16": ("hflm", "ours", "bf16", 6.0, 8.0),
    "mc_once_vs_hflm_fp32": ("hflm-once", "ours-once", "fp32", None, None),
    "mc_once_vs_hflm_bf16": ("hflm-once", "ours-once", "bf16", None, None),
    "mc_vs_padded_fp32": ("padded", "ours-few", "fp32", 30.0, None),
    "mc_vs_padded_bf16": ("padded", "ours-few", "bf16", 30.0, 40.0),
    "dialogue_vs_generate_fp32": ("generate", "ours-dialogue", "fp32", 3.0, None),
    "dialogue_vs_generate_bf16": ("generate", "ours-dialogue", "bf16", 3.0, 5.0),
}


def measure(scorer: str, shape: str, dtype: str, count: int, device: str, threads: int, repeats: int, batch_tokens: int) -> dict[str, Any]:
    """Seconds per checkpoint (the fastest of ``repeats`` passes over all tasks), seconds of compiling, peak memory."""
    import torch
    from flops import peak
    from peers import Generate, LmEval, Ours, Padded
    from workload import CHOICE, DIALOGUE, make_model, workload

    from gap.runtime.device import keep_freed_memory

    torch.set_num_threads(threads)
    if kind_of_ours(scorer) and device == "cpu":
        keep_freed_memory()  # as every job of the pipeline does, before there is a second thread
    kind = KINDS[scorer]
    load = workload(count, tuple(CHOICE if kind == "choice" else DIALOGUE))
    model = make_model(shape, device)
    parameters = sum(one.numel() for one in model.parameters())
    highest, source = peak(device, dtype) if kind_of_ours(scorer) else (0.0, "")
    before = _memory(device, reset=True)  # what a scorer copies of the weights is its own
    if kind_of_ours(scorer):
        made: Any = Ours(model, load.tokenizer, dtype, device, batch_tokens, "plain" if scorer == "plain" else "tree")
    else:
        made = {"hflm": LmEval, "hflm-once": LmEval, "padded": Padded, "generate": Generate}[scorer](model, load.tokenizer, dtype, device)
    start = time.perf_counter()
    compiled = {task: made.compile(items, kind) for task, items in load.items.items()}
    if scorer in ONCE:
        compiled = {"all tasks": made.join(list(compiled.values()))}
    compiling = time.perf_counter() - start
    made.run(made.compile(load.items[next(iter(load.items))][:2], kind), kind)  # libraries warm up outside the clock
    passes, scores = [], {}
    for _ in range(repeats):
        _wait(device)
        start = time.perf_counter()
        if kind_of_ours(scorer):
            made.checkpoint()
        scores = {task: made.run(one, kind) for task, one in compiled.items()}
        _wait(device)
        passes.append(time.perf_counter() - start)
    items = sum(map(len, load.items.values()))
    found = {
        "scorer": scorer, "shape": shape, "dtype": dtype, "items": items, "parameters": parameters, "source": load.source,
        "seconds": min(passes), "passes": passes, "compile_seconds": compiling, "items_per_second": items / min(passes),
        "memory_mib": _memory(device) - before, "checksum": sum(sum(map(sum, one)) for one in scores.values()),
    }  # fmt: skip
    if kind_of_ours(scorer):
        needed = _operations(shape, compiled, kind, parameters)
        found |= {"operations": needed, "peak": highest, "peak_source": source, "utilisation": needed / min(passes) / highest}
    if kind_of_ours(scorer) and kind == "choice":
        found |= {"tokens": made.tokens, "padding_share": 1 - made.tokens / made.padded, "tokens_per_second": made.tokens / min(passes)}
    return found


def kind_of_ours(scorer: str) -> bool:
    """Whether it is a way of ours."""
    return scorer in ("ours", "ours-once", "plain", "ours-dialogue")


def _operations(shape: str, compiled: dict[str, Any], kind: str, parameters: int) -> float:
    """Of one checkpoint on these tasks, padding left out, every answer decoded to its last token."""
    from flops import Counts, count_choices, count_dialogues, operations
    from peers import NEW
    from workload import SHAPES, VOCABULARY

    counts = Counts()
    for one in compiled.values():
        counts.add(count_dialogues(one, NEW - 1) if kind == "dialogue" else count_choices(one))
    found = operations(SHAPES[shape], counts, parameters, VOCABULARY)
    return found["prefill"] + found["decode"]


def _wait(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def _memory(device: str, reset: bool = False) -> float:
    """Peak so far in MiB: of the GPU's tensors, or of this process."""
    import torch

    if device == "cuda":
        if reset:
            torch.cuda.reset_peak_memory_stats()
        return torch.cuda.max_memory_allocated() / 2**20
    if reset:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak of loading
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024
    status = Path("/proc/self/status").read_text()
    return max(int(status.split("VmHWM:")[1].split()[0]) / 1024, 0.0)


def child(arguments: argparse.Namespace, scorer: str, dtype: str, shape: str, count: int, repeats: int) -> dict[str, Any]:
    """One measurement in a process of its own."""
    command = [
        sys.executable, __file__, "--one", scorer, "--dtype", dtype, "--shape", shape, "--items", str(count), "--device", arguments.device,
        "--threads", str(arguments.threads), "--repeats", str(repeats), "--batch-tokens", str(arguments.batch_tokens),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TOKENIZERS_PARALLELISM": "false"})
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        raise SystemExit(f"{scorer} {dtype} {shape} failed with exit code {done.returncode}")
    found = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{scorer:<14} {dtype} {shape:<9} {found['seconds']:8.2f} s  {found['items_per_second']:8.2f} items/s  {found['memory_mib']:7.0f} MiB",
        flush=True,
    )
    return found


def machine(device: str, threads: int) -> dict[str, Any]:
    """What the numbers were measured on."""
    import torch
    import transformers

    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    found = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__, "threads": threads}
    return found | {"cpu": names[0] if names else platform.processor(), "gpu": torch.cuda.get_device_name() if device == "cuda" else None}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--quick", action="store_true", help="the first two rows in fp32, few items")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--items", type=int, help="per task; 24 on a CPU, 320 on a GPU")
    parser.add_argument("--shape", help="one of OPT's shapes")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, help="of our scorer; 512 on a CPU, 16384 on a GPU")
    parser.add_argument("--one", choices=list(KINDS), help=argparse.SUPPRESS)
    parser.add_argument("--dtype", default="fp32", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    cuda = arguments.device == "cuda"
    arguments.batch_tokens = arguments.batch_tokens or (16384 if cuda else 512)
    count = arguments.items or (320 if cuda else 24)
    if arguments.one:
        found = measure(
            arguments.one,
            arguments.shape,
            arguments.dtype,
            count,
            arguments.device,
            arguments.threads,
            arguments.repeats,
            arguments.batch_tokens,
        )
        print(json.dumps(found))
        return
    shapes = [arguments.shape] if arguments.shape else ["opt-350m", "opt-1.3b", "opt-2.7b"] if cuda else ["opt-125m"]
    rows: list[dict[str, Any]] = []
    ratios: dict[str, float] = {}
    if arguments.quick:
        ratios = quick(arguments, shapes[0], arguments.items or 12, rows)
    else:
        for shape in shapes:
            ratios |= whole(arguments, shape, count, rows, suffix=f"_{shape}" if len(shapes) > 1 else "")
    result = ratios | {"rows": rows, "machine": machine(arguments.device, arguments.threads)}
    for name, value in ratios.items():
        print(f"{name:<34} {value:7.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


def quick(arguments: argparse.Namespace, shape: str, count: int, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Both ratios in fp32; padding is so slow that it is given a quarter of the items, as is ours beside it."""
    few = max(2, count // 4)
    ours, hflm = (child(arguments, scorer, "fp32", shape, count, arguments.repeats) for scorer in ("ours", "hflm"))
    ours_few, padded = child(arguments, "ours", "fp32", shape, few, arguments.repeats), child(arguments, "padded", "fp32", shape, few, 1)
    rows += [ours, hflm, ours_few, padded]
    return {"mc_vs_hflm_fp32": hflm["seconds"] / ours["seconds"], "mc_vs_padded_fp32": padded["seconds"] / ours_few["seconds"]}


def whole(arguments: argparse.Namespace, shape: str, count: int, rows: list[dict[str, Any]], suffix: str) -> dict[str, float]:
    """All ratios for one shape; on a CPU padding is so slow that it is given a quarter of the items, as is ours beside it."""
    cuda = arguments.device == "cuda"
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for dtype in ("bf16",) if cuda else ("fp32", "bf16"):
        for scorer in KINDS:
            if scorer == "padded" and not cuda:
                few = max(2, count // 4)
                found["ours-few", dtype] = child(arguments, "ours", dtype, shape, few, arguments.repeats)
                found[scorer, dtype] = child(arguments, scorer, dtype, shape, few, 1)
            else:
                found[scorer, dtype] = child(arguments, scorer, dtype, shape, count, arguments.repeats)
        found.setdefault(("ours-few", dtype), found["ours", dtype])
    rows += [row for place, row in enumerate(found.values()) if row not in list(found.values())[:place]]
    memory = {
        f"memory_{ours}_of_{peer}_{dtype}{suffix}": found[ours, dtype]["memory_mib"] / found[peer, dtype]["memory_mib"]
        for dtype in {dtype for _, dtype in found}
        for ours, peer in (("ours", "hflm"), ("ours-dialogue", "generate"))
    }
    return memory | {
        f"{name}{suffix}": found[slow, dtype]["seconds"] / found[fast, dtype]["seconds"]
        for name, (slow, fast, dtype, _, _) in RATIOS.items()
        if (slow, dtype) in found and (fast, dtype) in found
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
