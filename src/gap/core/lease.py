"""One job per GPU on a host with several: Snakemake counts GPUs but does not say which one a job gets.

A job takes the first device whose lock file is free and holds the lock until its process ends, however it ends.
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


def lease(names: Sequence[str], folder: Path | None = None, patience: float = PATIENCE, pause: float = PAUSE) -> int:
    """Number of a free device among ``names``, now locked for this process; waits while all are taken.

    Parameters
    ----------
    folder: where the lock files are; the system's folder for temporary files, so that all checkouts of a user share them.

    Raises
    ------
    Unavailable: no device came free within ``patience`` seconds, or no lock file could be made.
    """
    import fcntl

    place = folder or Path(tempfile.gettempdir()) / f"gap-gpu-{os.getuid()}"
    begun = time.monotonic()
    try:
        place.mkdir(parents=True, exist_ok=True)
        streams = [(place / f"{sha256(name.encode()).hexdigest()[:16]}.lock").open("a") for name in names]
    except OSError as error:
        raise Unavailable(
            str(place), f"no lock file could be made ({error.strerror})", "a writable folder", "Set TMPDIR to one."
        ) from error
    while True:
        for number, stream in enumerate(streams):
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _held.append(stream)
            for other in streams:
                if other is not stream:
                    other.close()
            return number
        if time.monotonic() - begun > patience:
            raise Unavailable(
                f"GPUs {', '.join(names)}",
                f"all taken by other jobs for {patience:.0f} s",
                "a free one",
                "Let fewer jobs run at a time: --resources gpu=N with N the number of devices.",
            )
        time.sleep(pause)
