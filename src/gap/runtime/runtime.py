"""Where the work runs, as one value: device, CPU threads, number of devices, where copies of the weights wait, arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gap.runtime.arithmetic import Arithmetic

Memory = Literal["device", "host"]


@dataclass(frozen=True)
class Runtime:
    """What a command is told by ``--device``, ``--threads``, ``--devices``, ``--memory`` and ``--arithmetic``.

    device: ``cpu``, ``cuda``, or ``auto`` (a GPU where torch sees one).
    threads: CPU threads of one process.
    devices: processes that share the model's weights (FSDP2), a power of two.
    memory: where base snapshot, gradients and optimizer's state wait; no result depends on it.
    arithmetic: ``portable`` gives the same bits on every x86-64 CPU with AVX2; ``fast`` is the processor's best.
    """

    device: str = "auto"
    threads: int = 1
    devices: int = 1
    memory: Memory = "device"
    arithmetic: Arithmetic = "fast"

    @property
    def offload(self) -> bool:
        """Whether copies of the weights wait in the host's memory."""
        return self.memory == "host"
