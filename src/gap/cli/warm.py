"""Jobs that need not import torch again: the client's side of a fork server.

Importing torch and transformers takes seconds, and a study is many short processes.  With ``GAP_WARM=1`` the first CPU
job starts a server in the background (``gap.cli.warm_server``) and runs by itself; once the server has its libraries,
later jobs hand it their arguments, environment and open files, and it forks a child that does the work.  A server is
found by a digest of all that a child takes over from it instead of from its own start: code, packages, environment
variables read at import, limits.  Whatever goes wrong here, the job runs in its own process.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import stat
import struct
import sys
import time
from itertools import pairwise

from gap.cli.warm_place import Place, find_place

COMMANDS = frozenset({"describe", "evaluate", "post-train", "model", "export"})
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: Seconds for which a server that did not come up is not tried again.
GIVEN_UP = 3600
SERVE = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from gap.cli.warm_server import main; main()"


def attempt(arguments: list[str]) -> int | None:
    """Have a server run ``gap`` with these arguments; its exit code, or None when this process is to run the job itself."""
    if not suits(arguments):
        return None
    try:
        place = find_place()
        connection = connect(place)
        if connection is None:
            start(place)
            return None
        with connection:
            return Client(connection).run()
    except OSError:
        return None


def suits(arguments: list[str]) -> bool:
    """Whether these arguments are a job on the CPU that a server may run."""
    plain = not (sys.warnoptions or sys.flags.optimize or getattr(sys, "_xoptions", None))
    on_cpu = "--device=cpu" in arguments or ("--device", "cpu") in pairwise(arguments)
    return sys.platform == "linux" and plain and on_cpu and arguments[0] in COMMANDS


def connect(place: Place) -> socket.socket | None:
    """A connection to the server of this user, or None when there is none."""
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        found = place.socket.lstat()
        if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{place.socket} is not a socket of this user")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(place.socket))
        except OSError:
            connection.close()
            raise
        if peer(connection) == os.getuid():
            return connection
        connection.close()
    return None


def peer(connection: socket.socket) -> int:
    """The user at the other end."""
    return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]


def start(place: Place, code: str = SERVE) -> bool:
    """Start a server in the background, unless one lives, starts or failed to start lately."""
    import subprocess

    with contextlib.suppress(FileNotFoundError):
        if time.time() - place.attempt.stat().st_mtime < GIVEN_UP:
            return False
    lock = os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink == 0:  # of a server that has just gone
            return False
        place.attempt.touch(mode=0o600)
        subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(sys.path), str(place.socket), str(lock), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            start_new_session=True,
        )
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


class Client:
    """One job in the hands of a server; signals are passed on to it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.received = connection, 0

    def run(self) -> int | None:
        """The job's exit code, 128 + n after signal n; None when the server did not take it or is gone."""
        before = {number: signal.getsignal(number) for number in FORWARDED}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._forward)
        try:
            self._ask()
            answer = self.connection.recv(1)
        except OSError:
            answer = b""
        for number, handler in before.items():
            signal.signal(number, handler)
        if not answer and self.received:
            os.kill(os.getpid(), self.received)
        return answer[0] if answer else None

    def _ask(self) -> None:
        os.umask(mask := os.umask(0))
        request = {"argv": sys.argv, "folder": os.getcwd(), "environment": dict(os.environ), "umask": mask}
        text = json.dumps(request).encode()
        socket.send_fds(self.connection, [struct.pack("!Q", len(text))], [0, 1, 2])
        self.connection.sendall(text)

    def _forward(self, number: int, _: object) -> None:
        self.received = number
        with contextlib.suppress(OSError):
            self.connection.send(bytes([number]))
