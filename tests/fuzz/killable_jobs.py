"""Runs post-training and evaluation of a tiny study, again and again, each time in a child that dies at a given file operation.

One process imports everything and forks, so that a kill costs a second.  Lines of standard input are ``FOLDER COUNT``: the child works in
FOLDER, and kills itself just before file operation number COUNT (0: never).  Each is answered by ``STATUS OPERATIONS``, the child's wait
status and how many operations it began.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import tiny

from gap.core.tables import read_table  # noqa: F401
from gap.evaluate.job import RunFiles, TaskFiles, evaluate
from gap.evaluate.session import Session  # noqa: F401
from gap.params.evaluate import Evaluate, EvaluateJob, ScoredTask
from gap.params.posttrain import PosttrainJob
from gap.params.runs import BASE, RunId
from gap.posttrain.job import posttrain
from gap.runtime.runtime import Runtime

#: What changes files, by the audit events of Python; an open counts where it writes.
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
RUNS = [RunId(run=f"{text:016d}", corpus="prose", text=text) for text in range(2)]
TASKS = ("copa", "blended_skill_talk")


def work(inputs: Path) -> None:
    """Post-train two runs, then score them and the unmodified model on two tasks; everything is written below the working folder."""
    runtime, corpora, trajectories = Runtime("cpu", 1), {"prose": inputs / "prose.parquet"}, Path("runs/texts.parquet")
    method = tiny.method()
    posttrain(
        PosttrainJob(model="nano", method="gap", settings=method, updates=2, runs=RUNS), inputs / "model", corpora, trajectories, runtime
    )
    how = Evaluate(items=4, splits=["validation"], precision="fp32", max_length=60, max_new_tokens=3, batch_tokens=256, replay_tolerance=0)
    job = EvaluateJob(
        model="nano",
        method="gap",
        settings=method,
        updates=2,
        tasks=[ScoredTask(task=task, split="validation") for task in TASKS],
        runs=[BASE, *RUNS],
        evaluate=how,
        items=4,
    )
    files = {(task, "validation"): TaskFiles(inputs / f"{task}.jsonl", Path(f"scores/{task}.parquet")) for task in TASKS}
    evaluate(job, inputs / "model", files, RunFiles(corpora, trajectories), runtime)


def die_at(count: int, folder: Path, begun: list[int]) -> None:
    """Count file operations below ``folder``; die, as by ``kill -9``, before number ``count``."""
    inside = str(folder)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" and event not in CHANGES:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
            return
        path = arguments[0]
        if not isinstance(path, str | os.PathLike) or not os.path.abspath(path).startswith(inside):
            return
        begun[0] += 1
        if begun[0] == count:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main(inputs: Path) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        folder, count = line.split()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.chdir(folder)
            begun = [0]
            die_at(int(count), Path(folder), begun)
            status = 1
            try:
                work(inputs)
                status = 0
                os.write(write, str(begun[0]).encode())
            finally:
                os._exit(status)
        os.close(write)
        with os.fdopen(read) as stream:
            operations = stream.read()
        _, status = os.waitpid(child, 0)
        print(status, operations or 0, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
