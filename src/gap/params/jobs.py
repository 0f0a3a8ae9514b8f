"""How the work is cut into jobs, and where it runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gap.core.settings import Settings


class Jobs(Settings):
    """How the work is cut into jobs, and where it runs; no key holds any of it.

    Results do not depend on `texts_per_job`, `tasks_per_job` and `memory`. Their last bits depend on the kind of `device`, on a CPU
    on `threads` and `arithmetic`, and on `devices` (norms and scores, within rounding).
    """

    texts_per_job: int = Field(ge=1, description="Text indices (of all corpora together) per post-training and evaluation job.")
    tasks_per_job: int = Field(
        ge=1, description="Tasks (with their splits) that one evaluation job scores; each run is replayed once per job."
    )
    threads: int = Field(ge=1, description="CPU threads per compute job; on a CPU the last bits of results depend on it.")
    device: Literal["auto", "cpu", "cuda"]
    devices: Literal[1, 2, 4, 8, 16, 32, 64] = Field(
        description="Devices (on a CPU, processes) of one host that share a model's weights, for one that does not fit on one (FSDP2)."
    )
    arithmetic: Literal["portable", "fast"] = Field(
        exclude_if=lambda arithmetic: arithmetic == "fast",  # what is written of studies from before the key stays as it was
        description="portable: the same bits on every x86-64 CPU with AVX2, at half the speed or less; fast: each processor's best.",
    )
    memory: Literal["device", "host"] = Field(
        description="Where base snapshot, gradients and optimizer's state wait: host is slower and lets larger models train on a small GPU."
    )
