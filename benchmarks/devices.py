"""What it costs and saves to share a model between devices (``jobs.devices``, torch's FSDP2): seconds per update, memory, bits.

    python benchmarks/devices.py --json FILE                              # OPT-125M shape, 1 and 2 processes of one CPU thread
    python benchmarks/devices.py --device cuda --shape opt-2.7b --json FILE     # 1, 2, 4, ... GPUs of this host

Every number of devices is measured in processes of its own, one after the other.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gap.runtime.runtime import Runtime

sys.path.insert(0, str(Path(__file__).parent))
TEXT, STEPS = 200, 4
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's numbers


def measure(shape: str, precision: str, out: Path, runtime: Runtime) -> None:
    """One process's part: seconds per update (the first left out), peak memory beyond what is resident before, digests."""
    import torch
    from replay import GAP
    from scorer import _memory, _wait
    from workload import make_model

    from gap.models.sharding import shard_model
    from gap.models.weights import Snapshot
    from gap.params.methods import Method
    from gap.posttrain.run import run_method
    from gap.runtime.device import open_device
    from gap.runtime.process_group import process_group

    device, place = runtime.device, open_device(runtime)
    before = _memory(device, reset=True)
    model: Any = make_model(shape, "cpu")
    size = 4 * sum(weight.numel() for weight in model.parameters()) / 2**20
    model = shard_model(model, place)
    ids = torch.arange(TEXT) * 7919 % 50000
    method = Method.model_validate({"gap": GAP | {"precision": precision}})
    # what making the model took is forgotten; its share stays
    gc.collect()
    if device == "cpu":  # freed memory goes back at once, so that the peak is what was held
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 17)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 17)
        libc.malloc_trim(0)
    resident = _memory(device, reset=True) if device == "cpu" else 0.0
    base = Snapshot(model, compact=True)
    steps, digests, last = [], [], time.perf_counter()
    for update in run_method(base, [[ids]], method, STEPS + 1):
        _wait(device)
        now = time.perf_counter()
        steps += [now - last] if update.epoch > 1 else []
        digests.append(update.digest)
        last = now
    found = {
        "seconds_per_step": statistics.median(steps), "digests": digests, "model_mib": size,
        "resident_mib": resident - before if device == "cpu" else None, "peak_mib": _memory(device) - (before if device == "cpu" else 0.0),
    }  # fmt: skip
    (out / f"{process_group().rank}.json").write_text(json.dumps(found))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--shape", default="opt-125m", help="one of OPT's shapes")
    parser.add_argument("--precision", choices=["fp32", "bf16", "fp16"], help="fp32 on a CPU, fp16 on a GPU")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.precision = arguments.precision or ("fp32" if arguments.device == "cpu" else "fp16")
    if arguments.one:
        from gap.runtime.launch import launch
        from gap.runtime.runtime import Runtime

        work = partial(measure, arguments.shape, arguments.precision, arguments.out)
        launch(work, Runtime(arguments.device, arguments.one, arguments.one))
        return
    import torch
    from scorer import machine

    most = 2 if arguments.device == "cpu" else torch.cuda.device_count()
    result: dict[str, Any] = {"shape": arguments.shape, "precision": arguments.precision, "devices": {}}
    for devices in (1 << power for power in range(most.bit_length())):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--one", str(devices), "--out", folder, "--shape", arguments.shape]
            subprocess.run([*command, "--device", arguments.device, "--precision", arguments.precision], check=True)
            found = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]
        one = found[0] | {name: max(part[name] for part in found) for name in ("peak_mib", "seconds_per_step")}
        one["same_bits"] = one["digests"] == result["devices"].get(1, one)["digests"] and all(
            part["digests"] == one["digests"] for part in found
        )
        result["devices"][devices] = one
        copies = one["peak_mib"] / one["model_mib"]
        print(
            f"{devices} devices: {one['seconds_per_step']:.2f} s per update, peak {one['peak_mib']:.0f} MiB each ({copies:.2f} copies of the weights),",
            end=" ",
        )
        print("the bits of one" if one["same_bits"] else "OTHER BITS than one", flush=True)
    result["machine"] = machine(arguments.device, 1)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
