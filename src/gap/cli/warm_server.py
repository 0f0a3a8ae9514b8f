"""The fork server behind ``GAP_WARM=1``: imports the libraries once, then forks one child per job.

It computes nothing itself, so that no thread pool exists when it forks and a child starts like a fresh process.  A child
whose client is gone is killed, and children die with their server: no job outlives the command that asked for it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.cli.warm import FORWARDED, peer
from gap.cli.warm_child import receive, run_job
from gap.cli.warm_place import Place, code_state

PRELOAD = (
    "gap.cli.main", "gap.cli.job", "gap.plan.light", "torch", "pandas", "pyarrow.parquet", "transformers.models.opt.modeling_opt", "transformers.tokenization_utils_tokenizers",
    "gap.describe.session", "gap.describe.stage", "gap.evaluate.session", "gap.evaluate.job", "gap.posttrain.shard", "gap.pretrain.build", "gap.pretrain.run", "gap.checkpoints.export",
)  # fmt: skip
IDLE, TICK, PATIENCE = 20.0, 1.0, 5.0


@dataclass(frozen=True)
class Job:
    """A child, the connection of its client, and a pipe that ends with the child."""

    pid: int
    connection: socket.socket
    life: int


def main(preload: tuple[str, ...] = PRELOAD, idle: float = IDLE) -> None:
    """Serve at the place ``sys.argv[2]``, whose lock is open as ``sys.argv[3]``, for the job with process id ``sys.argv[4]`` and later ones."""
    place, lock = Place(Path(sys.argv[2])), int(sys.argv[3])
    os.set_inheritable(lock, False)
    os.chdir("/")
    code = code_state()
    try:
        added = load(preload)
        if threads() == 1 and code_state() == code:
            Server(place, code, idle, added, lock).run()
    finally:
        place.lock.unlink(missing_ok=True)
        os.close(lock)


def load(preload: tuple[str, ...]) -> dict[str, str]:
    """Import everything a job needs and be left with one thread; the environment variables that the imports have set."""
    before = set(os.environ) | {"JE_ARROW_MALLOC_CONF"}
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")  # pyarrow's allocator then cleans up in calls
    for name in preload:
        with contextlib.suppress(ImportError):  # what another version does not have, the jobs do without or report
            importlib.import_module(name)
    added = {key: value for key, value in os.environ.items() if key not in before}
    gc.collect()
    gc.freeze()
    # OpenBLAS starts its threads when it is loaded, ends them before a fork and starts them anew with the first product.
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return added


def threads() -> int:
    """Threads of this process, those of C libraries included."""
    return len(os.listdir("/proc/self/task"))


class Server:
    """Listens, forks, passes signals on and reports exit codes; one thread, nothing that waits for a single client."""

    def __init__(self, place: Place, code: object, idle: float, added: dict[str, str], lock: int) -> None:
        self.place, self.code, self.idle, self.added, self.lock = place, code, idle, added, lock
        self.selector = selectors.DefaultSelector()
        self.jobs: set[int] = set()
        place.socket.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        self.listener.bind(str(place.socket))
        os.umask(mask)
        self.listener.listen(64)
        self.inode = place.socket.stat().st_ino
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.open = True
        place.attempt.unlink(missing_ok=True)

    def run(self) -> None:
        """Serve until the code changed, the socket is another's or for ``idle`` seconds no job ran here or asked; end no job for it."""
        self.last, starter = time.monotonic(), int(sys.argv[4])
        while self.open or self.jobs:
            if os.getppid() == starter:  # the job that started this server still runs: more will come after it
                self.last = time.monotonic()
            if self.open and not self._wanted():
                self._close()
            for key, _ in self.selector.select(min(TICK, self.idle)):
                key.data()
        self.selector.close()

    def _wanted(self) -> bool:
        with contextlib.suppress(OSError):
            if self.place.socket.stat().st_ino == self.inode and code_state() == self.code:
                return bool(self.jobs) or time.monotonic() - self.last < self.idle
        return False

    def _close(self) -> None:
        """Take no more jobs."""
        self.open = False
        self.selector.unregister(self.listener)
        with contextlib.suppress(OSError):
            if self.place.socket.stat().st_ino == self.inode:
                self.place.socket.unlink()
        self.listener.close()

    def _accept(self) -> None:
        if not self.open:
            return
        connection, _ = self.listener.accept()
        self.last = time.monotonic()
        connection.settimeout(PATIENCE)
        if peer(connection) != os.getuid() or (received := receive(connection)) is None:
            connection.close()
            return
        request, files = received
        if threads() != 1 or code_state() != self.code:  # the client then runs the job itself
            connection.close()
            self._close()
        else:
            self._fork(connection, request, files)
        for file in files:
            os.close(file)

    def _fork(self, connection: socket.socket, request: dict[str, Any], files: list[int]) -> None:
        life, end = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            own = [key.fd for key in self.selector.get_map().values()] + [connection.fileno(), life, self.lock]
            run_job(parent, request, files, own, self.added)
        os.close(end)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(pid, pid)
        job = Job(pid, connection, life)
        self.jobs.add(pid)
        self.selector.register(connection, selectors.EVENT_READ, lambda: self._hear(job))
        self.selector.register(life, selectors.EVENT_READ, lambda: self._finish(job))

    def _hear(self, job: Job) -> None:
        """Pass the client's signals on; kill the job of a client that is gone."""
        if job.pid not in self.jobs:
            return
        try:
            numbers = job.connection.recv(64)
        except OSError:
            numbers = b""
        if not numbers:
            self.selector.unregister(job.connection)
        for number in [number for number in numbers if number in FORWARDED] if numbers else [int(signal.SIGKILL)]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, number)

    def _finish(self, job: Job) -> None:
        """Report the exit code, 128 + n after signal n."""
        code = os.waitstatus_to_exitcode(os.waitpid(job.pid, 0)[1])
        self.selector.unregister(job.life)
        os.close(job.life)
        with contextlib.suppress(KeyError):
            self.selector.unregister(job.connection)
        with contextlib.suppress(OSError):
            job.connection.sendall(bytes([code if code >= 0 else 128 - code]))
        job.connection.close()
        self.jobs.discard(job.pid)
        self.last = time.monotonic()
