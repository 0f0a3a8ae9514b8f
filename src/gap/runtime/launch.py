"""A command's work done by several processes that share one model (``--devices``)."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gap.core.errors import BadInput, Unavailable
from gap.runtime.exit_codes import code_of
from gap.runtime.runtime import Runtime

if TYPE_CHECKING:
    from gap.runtime.process_group import ProcessGroup

#: Seconds that a member other than the first waits before it says what went wrong: mostly the first says the same, and ends all.
PAUSE = 5.0


def launch(work: Callable[[Runtime], object], runtime: Runtime) -> None:
    """Call ``work`` with the runtime of one process: here, or in ``runtime.devices`` new processes that form a group.

    Raises
    ------
    BadInput: ``devices`` is not a power of two.
    Unavailable: this host has fewer GPUs, or too few come free.
    SystemExit: a process ended otherwise than well; it has said why.
    """
    devices = runtime.devices
    if devices < 1 or devices & (devices - 1):
        raise BadInput("--devices", str(devices), "a power of two", "Correct jobs.devices or --devices.")
    if devices == 1:
        work(runtime)
        return
    from torch.multiprocessing import ProcessExitedException, ProcessRaisedException, start_processes

    gpus = _gpus(devices, runtime.device)
    with tempfile.TemporaryDirectory(prefix="gap-team-") as folder:
        arguments = (partial(work, replace(runtime, threads=max(1, runtime.threads // devices))), devices, gpus, Path(folder) / "meeting")
        members = start_processes(_member, arguments, devices, join=False, start_method="spawn")
        try:
            while not members.join():
                pass
        except ProcessExitedException:
            codes = [code for process in members.processes if (code := process.exitcode) and code > 0]
            sys.exit(codes[0] if codes else 1)
        except ProcessRaisedException as error:
            print(error, file=sys.stderr)
            sys.exit(1)


def _gpus(devices: int, device: str) -> list[int | None]:
    """torch's number of each member's GPU, leased for this process and so for as long as it lives; None on a CPU."""
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return [None] * devices
    from gap.runtime.gpu_lock import device_names, gpu_lock

    count = torch.cuda.device_count()
    if count < devices:
        raise Unavailable(f"--devices {devices}", f"{count} GPUs to be seen", "as many GPUs on one host", "Lower jobs.devices.")
    return list(gpu_lock(device_names(count, os.environ), count=devices))


def _member(rank: int, work: Callable[[], object], devices: int, gpus: list[int | None], meeting: Path) -> None:
    """One process of the team."""
    from gap.runtime.process_group import ProcessGroup

    own = ProcessGroup(devices, rank, gpus[rank])
    if rank == 0:
        code = code_of(partial(_joined, own, work, meeting))
    else:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = code_of(partial(_joined, own, work, meeting))
        if code:
            time.sleep(PAUSE)
            print(said.getvalue(), file=sys.stderr, end="")
    if code:
        sys.exit(code)


def _joined(own: ProcessGroup, work: Callable[[], object], meeting: Path) -> None:
    from gap.runtime.process_group import join, leave

    join(own, meeting)
    work()
    leave()
