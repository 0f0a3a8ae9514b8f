"""An interpreter with torch, transformers and pandas loaded, of which every job is a fork: ``server.py SOCKET PID``.

To load them takes a job of a tiny study five seconds, and its own work one.  So tests that ask which jobs run, and not how a
process starts, let their jobs begin here (``preloaded`` in tests/workflow/conftest.py).  Nothing of gap is loaded beforehand: a job
takes it from where PYTHONPATH says, as ever.  A fork is a process of its own, with the files, folder and variables of the one that
asked.  When that one ends, so does the fork; the server ends with process PID.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import socket
import sys

#: Beginnings of the names of variables that the libraries read when they are loaded.
READ_EARLY = ("HF_", "TRANSFORMERS_", "TORCH", "ATEN_", "MKL_", "OMP_", "OPENBLAS_", "NPY_", "CUDA_", "PYTHONHASHSEED", "PYTHONWARNINGS")


#: This process's variables, to which torch adds some.
VARIABLES = dict(os.environ)


def load() -> None:
    """Load what takes the time."""
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import torch  # noqa: F401
    import transformers.models.opt.modeling_opt  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401


def read_early(variables: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(READ_EARLY)}


def received(connection: socket.socket) -> tuple[dict, list[int]]:
    """A request, and the standard files of the process that asks."""
    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    encoded = b""
    while len(encoded) < int.from_bytes(size, "big"):
        encoded += connection.recv(1 << 16)
    return json.loads(encoded), files


def attend(connection: socket.socket) -> dict | None:
    """Fork the job of a request and send its exit code; in the fork, the request that it is to run."""
    request, files = received(connection)
    asked, here = (request["prefix"], read_early(request["variables"])), (sys.prefix, read_early(VARIABLES))
    print(request["command"][0], "as here" if asked == here else f"asked for {asked}, here {here}", flush=True)
    if asked != here:
        connection.sendall(b"no")
        return None
    job = os.fork()
    if not job:
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        connection.close()
        return request
    ended = os.pidfd_open(job)
    ready, _, _ = select.select([ended, connection], [], [])
    if ended not in ready:
        os.kill(job, signal.SIGKILL)
    _, status = os.waitpid(job, 0)
    code = os.waitstatus_to_exitcode(status)
    connection.sendall(str(code if code >= 0 else 128 - code).encode())
    return None


def run(request: dict) -> None:
    """What ``python -m gap.cli.main`` does."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    sys.argv = ["gap", *request["command"]]
    sys.path[:0] = [request["folder"], *filter(None, request["variables"].get("PYTHONPATH", "").split(":"))]
    runpy.run_module("gap.cli.main", run_name="__main__", alter_sys=True)


def serve(address: str, parent: int) -> dict | None:
    """Serve in the background until process ``parent`` is gone; in the fork of a job, its request."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        if os.fork():
            return None  # whoever started the server knows now that it listens
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        watched = os.pidfd_open(parent)
        while True:
            ready, _, _ = select.select([listening, watched], [], [])
            if watched in ready:
                return None
            connection, _ = listening.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listening.close()
                with connection:
                    return attend(connection)
            connection.close()


if __name__ == "__main__":
    load()
    if asked := serve(sys.argv[1], int(sys.argv[2])):
        del sys.path[0]  # the server's own folder
        run(asked)
