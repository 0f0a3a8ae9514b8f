"""One job per GPU: real locks between real processes; the devices are names."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from gap.core.errors import Unavailable
from gap.runtime import gpu_lock as module
from gap.runtime.gpu_lock import device_names, gpu_lock
from gap.runtime.runtime import Runtime

CHILD = """
import sys, time
from pathlib import Path
from gap.runtime.gpu_lock import lease
print(*lease(sys.argv[3:], Path(sys.argv[1]), pause=0.05, count=int(sys.argv[2])), flush=True)
sys.stdin.readline()
"""


def child(folder: Path, *names: str, count: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(folder), str(count), *names]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(number) for number in process.stdout.readline().split()]


@pytest.fixture(autouse=True)
def _release() -> None:
    yield
    while module._held:
        module._held.pop().close()


def test_every_job_gets_a_device_of_its_own_and_leaves_it_however_it_ends(tmp_path: Path) -> None:
    first = child(tmp_path, "0", "1")
    assert said(first) == [0]
    second = child(tmp_path, "0", "1")
    assert said(second) == [1]
    third = child(tmp_path, "0", "1")
    time.sleep(0.5)
    assert third.poll() is None  # waits
    first.kill()
    assert said(third) == [0]
    second.communicate("\n")
    assert gpu_lock(["0", "1"], tmp_path, patience=5, pause=0.05) == [1]
    third.kill()
    for process in (first, second, third):
        process.wait()


def test_names_are_the_hosts_whatever_a_job_sees(tmp_path: Path) -> None:
    """Two jobs that see devices 2 and 3 under other numbers meet at the same locks."""
    other = child(tmp_path, "2", "3")
    assert said(other) == [0]
    assert gpu_lock(["3", "2"], tmp_path, patience=1) == [0]
    with pytest.raises(Unavailable, match=r"GPUs 2, 3: too many taken.* a free one"):
        gpu_lock(["2", "3"], tmp_path, patience=0.1, pause=0.05)
    other.communicate("\n")


def test_who_waits_for_several_is_served_in_turn(tmp_path: Path) -> None:
    """Nobody who needs one device passes by, and two who need several do not wait for each other."""
    first = child(tmp_path, "0", "1", "2")
    assert said(first) == [0]
    all_three = child(tmp_path, "0", "1", "2", count=3)
    time.sleep(1.0)  # it holds 1 and 2 by now
    with pytest.raises(Unavailable, match="a free one"):
        gpu_lock(["0", "1", "2"], tmp_path, patience=0.2, pause=0.05)
    two = child(tmp_path, "0", "1", "2", count=2)
    first.communicate("\n")
    assert said(all_three) == [1, 2, 0]
    time.sleep(0.5)
    assert two.poll() is None
    all_three.communicate("\n")
    assert said(two) == [0, 1]
    with pytest.raises(Unavailable, match="2 free ones"):
        gpu_lock(["0", "1", "2"], tmp_path, patience=0.2, pause=0.05, count=2)
    assert gpu_lock(["0", "1", "2"], tmp_path, patience=5, pause=0.05) == [2]  # what was held meanwhile is free again
    two.communicate("\n")


def test_what_the_devices_are_called() -> None:
    assert device_names(3, {}) == ["0", "1", "2"]
    assert device_names(2, {"CUDA_VISIBLE_DEVICES": "5, GPU-abc"}) == ["5", "GPU-abc"]
    assert device_names(2, {"CUDA_VISIBLE_DEVICES": ""}) == ["0", "1"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="TMPDIR"):
        gpu_lock(["0"], tmp_path / "file" / "below")


@pytest.mark.parametrize("count", [1, 2])
def test_the_model_goes_to_the_leased_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    import torch

    from gap.models import load

    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: chosen[-1] if chosen else 0)
    monkeypatch.setattr(load, "lease", lambda names: gpu_lock(names, tmp_path))
    other = child(tmp_path, "0")
    assert said(other) == [0]
    assert load.open_device(Runtime("cuda", 1)) == torch.device("cuda", count - 1)
    assert chosen == ([] if count == 1 else [1])
    assert load.open_device(Runtime("cpu", 1)) == torch.device("cpu")
    other.communicate("\n")
