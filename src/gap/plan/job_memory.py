"""How much of the host's memory a job on a base model asks for, for schedulers that hold jobs to it (``mem_mb``)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from gap.core.files import read_object

#: Megabytes (2**20 bytes) of a process that has imported torch and transformers, with what one pass needs.
PROCESS = 1000
#: The same of a process with CUDA's libraries (assumed: no GPU was measured).
CUDA_PROCESS = 4000
#: Copies of the fp32 weights that a job's memory amounts to.  Scoring: the weights, their packed copy, logits, and keys and values
#: of a chunk of dialogues.  Post-training: the weights, the base snapshot, the gradient, Adam's two moments, and buckets on the way.
SCORING, POSTTRAINING = 4, 6
#: Copies while a model is fetched or dequantised and written.
BUILDING = 3
#: Weights of a model of which nothing says how many they are.
UNKNOWN = 350e6


def megabytes(parameters: float, copies: float, beside: float = PROCESS) -> float:
    """MiB of so many copies of the fp32 weights, and of what is there ``beside`` them."""
    return beside + copies * parameters * 4 / 2**20


def gpu_copies(copies: float) -> float:
    """Copies of the fp32 weights on a GPU where a CPU needs ``copies``: no packed ones, snapshot in fp16 (counted: docs/checkpoints.md)."""
    return 4.5 if copies >= POSTTRAINING else max(1.0, copies - SCORING + 1.5)


def building_megabytes(parameters: float, process: float = PROCESS) -> int:
    """Of the job that makes a base model of so many weights (NaN: ``UNKNOWN``)."""
    return round(megabytes(UNKNOWN if math.isnan(parameters) else parameters, BUILDING, process))


def job_megabytes(records: Iterable[str | Path], copies: int, processes: int = 1, process: int = PROCESS) -> int:
    """``process`` for each process, and so many copies of the largest model among those with these provenance records.

    On a GPU the host holds at most what ``jobs.memory: host`` keeps there, which is no more than post-training needs on a CPU.

    Measured in study pilot, one thread, MiB: SmolLM2 135M (513 of weights) 3,870 of post-training, 5,780 of evaluation with runs, which
    does both; Gemma 3 270M (1,023) 4,900 of evaluation.

    Raises
    ------
    FileNotFoundError: a record is not there yet; Snakemake asks again when it is.
    """
    weights = []
    for record in records:
        if not Path(record).exists():
            raise FileNotFoundError(2, "no such file", str(record))
        weights.append(int(read_object(Path(record))["parameters"]) * 4 / 2**20)
    return round(process * processes + copies * max(weights))
