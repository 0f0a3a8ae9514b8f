"""What a job has freed goes back to the system between checkpoints, where it is much."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
import torch
from gap.runtime.device import keep_freed_memory, release_freed_memory

def resident():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * 4 // 1024

keep_freed_memory()
tensors = [torch.ones(10_000_000) for _ in range(20)]  # 38 MiB each
full = resident()
last = tensors.pop()  # lies above all the others
tensors.clear()
kept = resident()
release_freed_memory(int(sys.argv[1]))
print(full, kept, resident())
"""


def measured(least: int) -> list[int]:
    """Resident MiB: with everything, when it is freed, and after the call."""
    found = subprocess.run([sys.executable, "-c", SCRIPT, str(least)], capture_output=True, text=True, check=True)
    return [int(number) for number in found.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc and reads /proc")
def test_much_freed_memory_is_handed_back_and_little_is_kept() -> None:
    full, kept, released = measured(1 << 28)
    assert kept > full - 100, "glibc keeps it, as told"
    assert released < full - 600
    full, _, still = measured(1 << 40)
    assert still > full - 100
