"""A command's work done by several processes that share one model (``--devices``), started by torch's elastic launch."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from gap.core.errors import BadInput, Unavailable
from gap.runtime.exit_codes import known_problem
from gap.runtime.gpu_lock import device_names, gpu_lock
from gap.runtime.process_group import join, leave
from gap.runtime.runtime import Runtime


def launch(work: Callable[[Runtime], object], runtime: Runtime) -> None:
    """Call ``work`` with the runtime of one process: here, or in ``runtime.devices`` new processes that form a group.

    Raises
    ------
    BadInput: ``devices`` is not a power of two.
    Unavailable: this host has fewer GPUs, or too few come free.
    SystemExit: a process failed or was killed, which ended the others; the problem has been said.
    KeyboardInterrupt: this process was interrupted.
    """
    devices = runtime.devices
    if devices < 1 or devices & (devices - 1):
        raise BadInput("--devices", str(devices), "a power of two", "Correct jobs.devices or --devices.")
    if devices == 1:
        work(runtime)
        return
    gpus = _lock_gpus(devices, runtime.device)
    share = replace(runtime, threads=max(1, runtime.threads // devices))
    with tempfile.TemporaryDirectory(prefix="gap-launch-") as folder:
        _elastic_launch(partial(work, share), gpus, Path(folder))


def _lock_gpus(devices: int, device: str) -> list[int | None]:
    """torch's number of each process's GPU, locked as long as this process lives; None on a CPU."""
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return [None] * devices
    count = torch.cuda.device_count()
    if count < devices:
        raise Unavailable(f"--devices {devices}", f"{count} GPUs to be seen", "as many GPUs on one host", "Lower jobs.devices.")
    return list(gpu_lock(device_names(count, os.environ), devices))


def _elastic_launch(work: Callable[[], object], gpus: list[int | None], folder: Path) -> None:
    """Call ``work`` in one process per entry of ``gpus``; stderr of all but the first goes to files in ``folder``."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch").setLevel(logging.CRITICAL)  # what failed is said below
    logs = DefaultLogsSpecs(log_dir=str(folder), redirects={rank: Std.ERR for rank in range(1, len(gpus))})
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=len(gpus), logs_specs=logs, run_id="gap", max_restarts=0,
        rdzv_backend="c10d", rdzv_endpoint="localhost:0", local_addr="localhost",
    )  # fmt: skip
    try:
        elastic_launch(config, _run_member)(work, gpus, folder)
    except SignalException as error:
        raise KeyboardInterrupt from error
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        problem = _problem_file(folder, rank)
        print(problem.read_text(encoding="utf-8") if problem.exists() else error, file=sys.stderr)
        sys.exit(failure.exitcode if failure.exitcode > 0 else 1)


def _problem_file(folder: Path, rank: int) -> Path:
    """Where a process of the group leaves the paragraph on a known problem, so that it is said once for all."""
    return folder / f"problem-{rank}.txt"


def _run_member(work: Callable[[], object], gpus: list[int | None], folder: Path) -> None:
    """The work of one process of the group."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it is sent when the parent dies, and may have been ignored there
    rank = int(os.environ["RANK"])
    join(gpus[rank])
    code, problem = known_problem(work)
    if code:
        _problem_file(folder, rank).write_text(problem, encoding="utf-8")
        sys.exit(code)
    leave()
