"""One job per GPU: real locks between real processes; the devices are names."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from gap.core.errors import Refused, Unavailable
from gap.runtime import device, gpu_lock
from gap.runtime.gpu_lock import device_names
from gap.runtime.runtime import Runtime

#: Says "waits" whenever it is about to sleep, which it does only behind a failed attempt, and "locked" with what it got.
CHILD = """
import sys, time
from pathlib import Path

def sleep(seconds, really=time.sleep):
    print("waits", flush=True)
    really(seconds)

time.sleep = sleep
from gap.runtime.gpu_lock import gpu_lock
print("locked", *gpu_lock(sys.argv[3:], int(sys.argv[2]), folder=Path(sys.argv[1])), flush=True)
sys.stdin.readline()
"""
DEADLINE = 120


class Child:
    """A job of its own that locks devices and holds them until it is told to end."""

    def __init__(self, folder: Path, *names: str, count: int = 1) -> None:
        self.output = folder / f"child-{len(list(folder.glob('child-*')))}"
        command = [sys.executable, "-c", CHILD, str(folder), str(count), *names]
        with self.output.open("w") as stream:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stream, text=True)

    def lines(self, word: str) -> list[str]:
        return [line for line in self.output.read_text().splitlines() if line.startswith(word)]

    def said(self, word: str, count: int = 1) -> str:
        """Its ``count``-th line with this word, once it is there."""
        end = time.monotonic() + DEADLINE
        while len(lines := self.lines(word)) < count:
            assert self.process.poll() is None and time.monotonic() < end
            time.sleep(0.01)
        return lines[count - 1]

    def waits(self) -> None:
        """Return when it has failed to lock once more from now on."""
        self.said("waits", len(self.lines("waits")) + 1)
        assert not self.lines("locked")

    def locked(self) -> list[int]:
        return [int(index) for index in self.said("locked").split()[1:]]

    def end(self) -> None:
        self.process.communicate("\n")


@pytest.fixture(autouse=True)
def _release() -> None:
    yield
    while gpu_lock._held:
        gpu_lock._held.pop().release()


def lock(folder: Path, *names: str, count: int = 1, patience: float = DEADLINE) -> list[int]:
    return gpu_lock.gpu_lock(names, count, folder=folder, patience=patience)


def test_every_job_gets_a_device_of_its_own_and_leaves_it_however_it_ends(tmp_path: Path) -> None:
    first = Child(tmp_path, "0", "1")
    assert first.locked() == [0]
    second = Child(tmp_path, "0", "1")
    assert second.locked() == [1]
    third = Child(tmp_path, "0", "1")
    third.waits()
    first.process.kill()
    assert third.locked() == [0]
    second.end()
    assert lock(tmp_path, "0", "1") == [1]
    third.process.kill()
    for child in (first, third):
        child.process.communicate()


def test_names_are_the_hosts_whatever_a_job_sees(tmp_path: Path) -> None:
    """Two jobs that see devices 2 and 3 under other numbers meet at the same locks."""
    child = Child(tmp_path, "2", "3")
    assert child.locked() == [0]
    assert lock(tmp_path, "3", "2") == [0]
    with pytest.raises(Unavailable, match=r"GPUs 2, 3: too many taken.* a free one"):
        lock(tmp_path, "2", "3", patience=0)
    child.end()


def test_who_waits_for_several_is_served_in_turn(tmp_path: Path) -> None:
    """Nobody who needs one device passes by, and two who need several do not wait for each other."""
    names = ("0", "1", "2")
    first = Child(tmp_path, *names)
    assert first.locked() == [0]
    all_three = Child(tmp_path, *names, count=3)
    all_three.waits()  # it holds 1 and 2 by now
    with pytest.raises(Unavailable, match="a free one"):
        lock(tmp_path, *names, patience=0)
    two = Child(tmp_path, *names, count=2)
    two.waits()
    first.end()
    assert all_three.locked() == [1, 2, 0]
    two.waits()
    all_three.end()
    assert two.locked() == [0, 1]
    with pytest.raises(Unavailable, match="2 free ones"):
        lock(tmp_path, *names, count=2, patience=0)
    assert lock(tmp_path, *names) == [2]  # what was held meanwhile is free again
    two.end()


def test_what_the_devices_are_called() -> None:
    assert device_names(3, {}) == ["0", "1", "2"]
    assert device_names(2, {"CUDA_VISIBLE_DEVICES": "5, GPU-abc"}) == ["5", "GPU-abc"]
    assert device_names(2, {"CUDA_VISIBLE_DEVICES": ""}) == ["0", "1"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="TMPDIR"):
        lock(tmp_path / "file" / "below", "0")


@pytest.mark.parametrize("count", [1, 2])
def test_the_model_goes_to_the_locked_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    import torch

    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: chosen[-1] if chosen else 0)
    monkeypatch.setattr(device, "gpu_lock", lambda names: lock(tmp_path, *names))
    child = Child(tmp_path, "0")
    assert child.locked() == [0]
    assert device.open_device(Runtime("cuda", 1)) == torch.device("cuda", count - 1)
    assert chosen == ([] if count == 1 else [1])
    assert device.open_device(Runtime("cpu", 1)) == torch.device("cpu")
    child.end()


def test_the_folder_of_the_locks_is_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a/locks"
    gpu_lock.private_folder(folder)
    folder.chmod(0o777)  # as an earlier version, or a generous umask, left it
    gpu_lock.private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(Refused, match="a link or file"):
        gpu_lock.private_folder(tmp_path / "link")
    monkeypatch.setattr(gpu_lock.os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(Refused, match="a folder of user"):
        gpu_lock.gpu_lock(["0"], folder=folder)
