"""GPUs of its own for every job of a host: Snakemake counts GPUs but does not say which ones a job gets.

A job takes the first devices whose lock files are free and holds the locks until its process ends, however it ends.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TextIO

from gap.core.errors import Unavailable

#: Seconds between two looks, and until a job gives up (long jobs may hold a device for hours).
PAUSE, PATIENCE = 2.0, 24 * 3600.0

_held: list[TextIO] = []


def device_names(count: int, environment: Mapping[str, str]) -> list[str]:
    """What the visible devices are called on this host: the entries of CUDA_VISIBLE_DEVICES where it is set (by a user, or
    by Slurm for the devices of its job), else their numbers.  Entry i is torch's device i.
    """
    named = [entry.strip() for entry in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if entry.strip()]
    return named[:count] if len(named) >= count else [str(number) for number in range(count)]


def gpu_lock(
    names: Sequence[str], folder: Path | None = None, patience: float = PATIENCE, pause: float = PAUSE, count: int = 1
) -> list[int]:
    """Numbers of ``count`` free devices among ``names``, now locked for this process; waits while too many are taken.

    Who waits keeps what it has so far.  So that two never wait for each other, only one job at a time takes devices: the
    others wait behind it, by another lock.

    Parameters
    ----------
    count: at most as many as there are names.
    folder: where the lock files are; the system's folder for temporary files, so that all checkouts of a user share them.

    Raises
    ------
    Unavailable: too few devices came free within ``patience`` seconds, or no lock file could be made.
    """
    place = folder or Path(tempfile.gettempdir()) / f"gap-gpu-{os.getuid()}"
    begun = time.monotonic()
    try:
        place.mkdir(parents=True, exist_ok=True)
        queue = (place / "queue.lock").open("a")
        streams = [(place / f"{sha256(name.encode()).hexdigest()[:16]}.lock").open("a") for name in names]
    except OSError as error:
        raise Unavailable(
            str(place), f"no lock file could be made ({error.strerror})", "a writable folder", "Set TMPDIR to one."
        ) from error
    taken: list[int] = []
    while len(taken) < count:
        # closing the queue's stream lets the next job in
        if _locked(queue):
            for number, stream in enumerate(streams):
                if number not in taken and len(taken) < count and _locked(stream):
                    taken.append(number)
        if len(taken) < count:
            if time.monotonic() - begun > patience:
                for stream in (queue, *streams):
                    stream.close()
                raise Unavailable(
                    f"GPUs {', '.join(names)}",
                    f"too many taken by other jobs for {patience:.0f} s",
                    "a free one" if count == 1 else f"{count} free ones",
                    "Let fewer jobs run at a time: --resources gpu=N with N the number of devices.",
                )
            time.sleep(pause)
    queue.close()
    for number, stream in enumerate(streams):
        if number in taken:
            _held.append(stream)
        else:
            stream.close()
    return taken


def _locked(stream: TextIO) -> bool:
    """Whether this process holds the lock on the file now."""
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
