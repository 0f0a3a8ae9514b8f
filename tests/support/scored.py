"""An evaluation job of one task, by its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gap.evaluate.job import RunFiles, TaskFiles, evaluate
from gap.params.evaluate import EvaluateJob
from gap.runtime.runtime import Runtime


def evaluate_one(
    job: EvaluateJob,
    model: Path,
    items: Path,
    corpora: dict[str, Path],
    trajectories: Path | None,
    out: Path,
    runtime: Runtime,
    **more: Any,
) -> None:
    [task] = job.tasks
    evaluate(job, model, {(task.task, task.split): TaskFiles(items, out)}, RunFiles(corpora, trajectories), runtime, **more)
