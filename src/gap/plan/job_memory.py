"""How much of the host's memory a job on a base model asks for, for schedulers that hold jobs to it (``mem_mb``)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from gap.methods.combinations import SUMS
from gap.params.methods import Method
from gap.plan.model_size import ModelSize, recorded_size
from gap.runtime.checkup import memory

#: Megabytes (2**20 bytes) of a process that has imported torch and transformers, with what one pass needs.
PROCESS = 1000
#: The same of a process with CUDA's libraries (assumed: no GPU was measured).
CUDA_PROCESS = 4000
#: Copies of the fp32 weights that a job's memory amounts to.  Scoring: the weights, their packed copy, logits, and keys and values
#: of a chunk of dialogues.  Post-training: the weights, the base snapshot, the gradient, Adam's two moments, and buckets on the way.
SCORING, POSTTRAINING = 4, 5.5
#: fp32 values for each token of a text and entry of the vocabulary: logits, their log-softmax, the gradients of both, the second
#: gradient of tied embeddings, and what the layers keep of a token (measured at 200 tokens; at 512 up to a quarter too many).
VALUES_PER_LOGIT = 10
#: Copies while a model is fetched or dequantised and written.
BUILDING = 3
#: Weights of a model of which nothing says how many they are.
UNKNOWN = 350e6
#: Part of a machine's memory that the jobs on it share; the rest is the system's and Snakemake's.
SHARED = 0.9


def megabytes(size: ModelSize, copies: float, tokens: int = 0, beside: float = PROCESS) -> float:
    """MiB of so many copies of a model's fp32 weights, and of what is there ``beside`` them.

    Where it is trained on texts of up to ``tokens`` tokens, also of the logits and what comes of them.
    """
    return beside + (copies * size.parameters + VALUES_PER_LOGIT * tokens * size.vocabulary) * 4 / 2**20


def summed_copies(method: Method) -> int:
    """Copies of the fp32 weights that sums over runs take on the host, one per update; 0 where a method combines none."""
    return min(SUMS, method.gap.updates) if method.combine else 0


def gpu_copies(copies: float) -> float:
    """Copies of the fp32 weights on a GPU where a CPU needs ``copies``: no packed ones, snapshot in fp16 (counted: docs/checkpoints.md)."""
    return 4.5 if copies >= POSTTRAINING else max(1.0, copies - SCORING + 1.5)


def shared_megabytes() -> int:
    """MiB that the jobs that run on this machine at a time may ask for together; in a container, of its limit."""
    return round(SHARED * memory()[0])


def building_megabytes(size: ModelSize, process: float = PROCESS) -> int:
    """Of the job that makes a base model of this size (NaN: ``UNKNOWN``)."""
    return round(megabytes(ModelSize(UNKNOWN) if math.isnan(size.parameters) else size, BUILDING, beside=process))


def job_megabytes(records: Iterable[str | Path], copies: float, tokens: int = 0, processes: int = 1, process: int = PROCESS) -> int:
    """``process`` for each process, and what the largest model among those with these provenance records needs (``megabytes``).

    On a GPU the host holds at most what ``jobs.memory: host`` keeps there: no logits, and no more copies than post-training needs
    on a CPU.

    Measured, one thread, MiB: docs/performance.md, "Where the memory of study `small` goes".

    Raises
    ------
    FileNotFoundError: a record is not there yet; Snakemake asks again when it is.
    """
    sizes = [recorded_size(Path(record)) for record in records]
    return round(process * processes + max(megabytes(size, copies, tokens, 0) for size in sizes))
