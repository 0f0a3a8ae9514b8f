"""One GPU per job: Snakemake counts the GPUs of a host but does not say which of them a job gets.

A job locks one file per device it uses, and holds the locks until its process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from gap.core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from filelock import FileLock

#: Seconds between two attempts to lock.
POLL_INTERVAL = 0.5
#: Seconds until a job gives up (a long job may hold a device for hours).
PATIENCE = 24 * 3600.0

_held: list[FileLock] = []


def device_names(count: int, environment: Mapping[str, str]) -> list[str]:
    """The host's names of the visible devices; entry i is torch's device i.

    They are the entries of CUDA_VISIBLE_DEVICES where it is set (by a user, or by Slurm for the devices of its job), else
    the numbers from 0.
    """
    visible = [entry.strip() for entry in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if entry.strip()]
    return visible[:count] if len(visible) >= count else [str(index) for index in range(count)]


def gpu_lock(names: Sequence[str], count: int = 1, *, folder: Path | None = None, patience: float = PATIENCE) -> list[int]:
    """Lock ``count`` free devices among ``names`` for this process; returns their indices in the order of locking.

    While too few are free it waits and keeps those it has.  Only one job at a time locks devices, the others wait for it
    at a lock of their own (``queue.lock``): so two jobs that need several devices never wait for each other.

    Parameters
    ----------
    count: at most as many as there are names.
    folder: where the lock files are; by default the system's folder for temporary files, so that all checkouts share them.
    patience: seconds to wait.

    Raises
    ------
    Unavailable: too few devices came free within ``patience`` seconds, or no lock file could be made.
    Refused: the folder is another user's.
    """
    from filelock import FileLock, Timeout

    root = folder or Path(tempfile.gettempdir()) / f"gap-gpu-{os.getuid()}"
    locks = [FileLock(root / f"{sha256(name.encode()).hexdigest()[:16]}.lock") for name in names]
    locked: list[int] = []
    end = time.monotonic() + patience
    try:
        private_folder(root)
        with FileLock(root / "queue.lock").acquire(timeout=patience, poll_interval=POLL_INTERVAL):
            while True:
                for index, lock in enumerate(locks):
                    if index not in locked and len(locked) < count and _is_acquired(lock):
                        locked.append(index)
                if len(locked) == count:
                    break
                if time.monotonic() > end:
                    raise Timeout(str(root))
                time.sleep(POLL_INTERVAL)
    except Timeout:
        for index in locked:
            locks[index].release()
        raise Unavailable(
            f"GPUs {', '.join(names)}",
            f"too many taken by other jobs for {patience:.0f} s",
            "a free one" if count == 1 else f"{count} free ones",
            "Let fewer jobs run at a time: --resources gpu=N with N the number of devices.",
        ) from None
    except OSError as error:
        raise Unavailable(str(root), f"no lock file could be made ({error.strerror})", "a writable folder", "Set TMPDIR to one.") from error
    _held.extend(locks[index] for index in locked)
    return locked


def private_folder(path: Path) -> None:
    """Make a folder that nobody else can enter; where it stands among other users' files, somebody may have made it before.

    Raises
    ------
    Refused: it is a link, no folder, or another user's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        found = f"a folder of user {status.st_uid}" if stat.S_ISDIR(status.st_mode) else "a link or file"
        raise Refused(str(path), found, "a folder of your own", "Remove it, or set TMPDIR to a folder of your own.")
    if status.st_mode & 0o077:
        path.chmod(0o700)


def _is_acquired(lock: FileLock) -> bool:
    """Whether this process holds the lock after one attempt."""
    from filelock import Timeout

    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True
