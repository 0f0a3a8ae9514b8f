"""Where a server for this process would listen: a digest of all that a child takes over from it, not from its own start."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Variables that libraries read once, at import or at the start of the process (as prefixes).
AT_IMPORT = (
    "ARROW_ ATEN_ BLIS_ CUDA_ DNNL_ GLIBC_ GOMP_ GOTO_ HF_ HOME HUGGINGFACE_ JE_ KMP_ LANG LC_ LD_ MALLOC_ MKL_ NUMEXPR_ NPY_ OMP_ ONEDNN_ "
    "OPENBLAS_ PANDAS_ PYTHON PYTORCH_ SAFETENSORS_ TOKENIZERS_ TORCH TRANSFORMERS_ TZ USE_ VECLIB_ XDG_"
)
LIMITS = [getattr(resource, f"RLIMIT_{name}") for name in ("AS", "DATA", "STACK", "CPU", "FSIZE", "NOFILE")]


@dataclass(frozen=True)
class Place:
    """Where a server listens; its file ``lock`` is held while it starts and lives, ``attempt`` stands until it has started."""

    socket: Path

    @property
    def lock(self) -> Path:
        return self.socket.with_suffix(".lock")

    @property
    def attempt(self) -> Path:
        return self.socket.with_suffix(".attempt")


def find_place() -> Place:
    """The place of the server that would do exactly what this process does.

    Raises
    ------
    PermissionError: the folder for sockets belongs to somebody else, or others may enter it.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    user = os.getuid()
    folder = Path(base, "gap") if base.startswith("/") and len(base) < 50 and os.path.isdir(base) else Path(f"/tmp/gap-{user}")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of this user")
    return Place(folder / f"{identity()}.sock")


def identity() -> str:
    """Digest of what a child takes over from its server; a relative entry of sys.path ties it to the working folder."""
    from hashlib import sha256

    prefixes = tuple(AT_IMPORT.split())
    found = {
        "python": [sys.executable, sys.version, sys.path, sys.flags],
        "folder": "" if all(map(os.path.isabs, sys.path)) else os.getcwd(),
        "packages": [(path, os.stat(path).st_mtime_ns) for path in sys.path if path.endswith("-packages") and os.path.isdir(path)],
        "code": code_state(),
        "environment": sorted(pair for pair in os.environ.items() if pair[0].startswith(prefixes)),
        "limits": [os.getuid(), os.nice(0), sorted(os.sched_getaffinity(0)), [resource.getrlimit(kind) for kind in LIMITS]],
        "spaces": [os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "pid", "net", "user")],
        "group": Path("/proc/self/cgroup").read_text(encoding="utf-8"),
    }
    return sha256(json.dumps(found).encode()).hexdigest()[:20]


def code_state() -> list[tuple[str, int, int]]:
    """Path, time and size of every file of the package."""
    return sorted(_files(str(Path(__file__).resolve().parents[1])))


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    for entry in os.scandir(folder):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files(entry.path)
        else:
            found = entry.stat()
            yield entry.path, found.st_mtime_ns, found.st_size
