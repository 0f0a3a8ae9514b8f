"""A job on the fork server: reading the request, and the life of the child that runs it."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import signal
import socket
import struct
import sys
import tempfile
import time
from typing import Any, NoReturn

from gap.cli.warm import FORWARDED
from gap.core import provenance as birth

PR_SET_PDEATHSIG = 1


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A request and its three files, or None when it is not whole."""
    try:
        head, files, _, _ = socket.recv_fds(connection, 8, 3)
    except OSError:
        return None
    try:
        left, parts = struct.unpack("!Q", head)[0], []
        while left:
            parts.append(connection.recv(min(left, 1 << 16)) or b"\0")  # the end, too early: not JSON
            left = 0 if parts[-1] == b"\0" else left - len(parts[-1])
        if len(files) == 3:
            return json.loads(b"".join(parts)), files
    except (OSError, ValueError, struct.error):
        pass
    for file in files:
        os.close(file)
    return None


def run_job(parent: int, request: dict[str, Any], files: list[int], own: list[int], added: dict[str, str]) -> NoReturn:
    """The life of a child: become the client's process in every respect a job can see, run it, exit."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            os.setpgid(0, 0)
            become(request, files, own, added)
            from gap.cli.main import run

            run()
            code = 0
    except SystemExit as end:
        if isinstance(end.code, int | None):
            code = end.code or 0
        else:
            print(end.code, file=sys.stderr)
    finally:
        kind, problem, trace = sys.exc_info()
        if kind is not None and problem is not None:
            sys.excepthook(kind, problem, trace)
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code & 0xFF)


def become(request: dict[str, Any], files: list[int], own: list[int], added: dict[str, str]) -> None:
    """Take over the client's files, folder, environment and arguments; forget what the server had for itself."""
    for number in FORWARDED:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for target, file in enumerate(files):
        os.dup2(file, target)
    for done in {*files, *own}:
        os.close(done)
    os.umask(request["umask"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(added | request["environment"])
    sys.argv = request["argv"]
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=descriptor == 2 or os.isatty(descriptor))
    tempfile.tempdir = None
    birth.STARTED = time.time()
