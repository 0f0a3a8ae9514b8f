"""Each check of the machine beside a real counterpart that fails it, in a temporary folder."""

from __future__ import annotations

import shutil
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gap.runtime import checkup
from gap.runtime.checkup import Check

ROOT = Path(__file__).resolve().parents[2]


def program(folder: Path, name: str, output: str = "") -> None:
    """A command that prints ``output``."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{output}\nEND\n")
    (folder / name).chmod(0o755)


def test_this_python_will_do_and_an_older_one_will_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkup.python_version().state == "ok"
    monkeypatch.setattr(checkup, "PYTHON", (sys.version_info.major, sys.version_info.minor + 1))
    check = checkup.python_version()
    assert (check.state, check.cure) == ("failing", "make PYTHON=python3.12")


def with_pins(folder: Path, change: Callable[[str], str], dependency: str = "") -> Check:
    (folder / "constraints.txt").write_text(change((ROOT / "constraints.txt").read_text()))
    text = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text.replace("dependencies = [", f"dependencies = [{dependency}", 1))
    return checkup.packages(folder)


def test_packages_are_held_against_constraints(tmp_path: Path) -> None:
    other = with_pins(tmp_path, lambda text: text.replace("pydantic==", "pydantic==0."))
    assert other.state == "warning" and other.found.startswith("1 other than in constraints.txt: pydantic ")
    lacking = with_pins(tmp_path, str, '"no-such-package-anywhere>=2",')
    assert (lacking.state, lacking.found) == ("failing", "not installed: no-such-package-anywhere")
    assert "pip install --constraint constraints.txt" in lacking.cure
    same = with_pins(tmp_path, lambda text: f"pyyaml=={checkup._version('pyyaml')}\n")
    assert same.state == "ok"
    (tmp_path / "constraints.txt").unlink()
    assert checkup.packages(tmp_path).state == "warning"


def test_a_gpu_is_what_nvidia_smi_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert checkup.gpus() == []
    assert checkup.gpu("auto", "CURE").state == "ok"
    assert checkup.gpu("cuda", "CURE") == Check("gpu", "failing", checkup.gpu("cuda", "").found, "CURE")
    program(tmp_path / "bin", "nvidia-smi", "A GPU, large, 81559\nA GPU, large, 81559")
    assert checkup.gpus() == [("A GPU, large", 81559.0)] * 2
    for build, device, state in (("cpu", "cuda", "failing"), ("cpu", "auto", "warning"), ("cpu", "cpu", "ok"), ("CUDA 12.8", "cuda", "ok")):
        monkeypatch.setattr(checkup, "torch_build", lambda build=build: build)
        check = checkup.gpu(device, "CURE")
        assert check.state == state and f"2 x A GPU, large (nvidia-smi), torch for {build}" in check.found
        assert ("--force-reinstall torch" in check.cure) == (state != "ok")
    monkeypatch.setattr(checkup, "torch_build", lambda: "cpu")
    monkeypatch.setattr(checkup, "device_kind", lambda device: "cuda")  # there is a device file, so jobs are told to use it
    assert checkup.gpu("auto", "CURE").state == "failing"
    program(tmp_path / "bin", "nvidia-smi", "No devices were found")
    assert checkup.gpus() == []


def test_the_build_of_torch_is_read_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert checkup.torch_build() == ("cpu" if torch.version.cuda is None else f"CUDA {torch.version.cuda}")
    package = tmp_path / "torch"
    package.mkdir()
    (package / "version.py").write_text("__version__ = '2.9.0'\ncuda: str | None = '12.8'\n")
    (tmp_path / "torch-2.9.0.dist-info").mkdir()
    (tmp_path / "torch-2.9.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.9.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert checkup.torch_build() == "CUDA 12.8"


def test_commands_on_path_and_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = shutil.which("git") or ""
    bin = tmp_path / "bin"
    bin.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(bin))
    assert [(check.name, check.state) for check in checkup.commands()] == [("conda", "warning"), ("slurm", "warning"), ("git", "warning")]
    assert checkup.commands()[2].cure == "apt-get install git"
    program(bin, "conda")
    program(bin, "sbatch")
    (bin / "git").symlink_to(git)
    conda, slurm, git_check = checkup.commands()
    assert (conda, slurm) == (Check("conda", "ok", str(bin / "conda")), Check("slurm", "ok", str(bin / "sbatch")))
    assert (git_check.state, git_check.cure) == ("warning", "git init")
    monkeypatch.chdir(ROOT)
    assert checkup.commands()[2] == Check("git", "ok", str(bin / "git"))


def test_a_remote_is_named_without_its_password(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    assert checkup.dvc_remote(tmp_path) == Check("dvc", "warning", checkup.dvc_remote(tmp_path).found, "dvc remote add -d NAME PATH")
    local = tmp_path / ".dvc/config.local"
    local.write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = https://me:planted-secret@example.org/data?key=planted-secret\n"
    )
    assert checkup.dvc_remote(tmp_path) == Check("dvc", "ok", "remote https://example.org/data")
    other = "['remote \"first\"']\n    url = /first\n"
    (tmp_path / ".dvc/config").write_text(other)
    assert checkup.dvc_remote(tmp_path).found == "remote https://example.org/data", "DVC asks the default one"
    local.write_text("")
    assert checkup.dvc_remote(tmp_path).state == "warning"
    for damaged in (b"remote = store\n", b"\xff"):
        local.write_bytes(damaged)
        assert checkup.dvc_remote(tmp_path).state == "failing"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@[::1]:8/x@y?token=secret#secret", "https://[::1]:8/x@y"),
        ("http://[no-address", "http://[no-address"),
        ("me@example.org:/data", "example.org:/data"),
        ("example.org/data?from=http://secret", "example.org/data"),
        ("/data/a@b/c", "/data/a@b/c"),
    ],
)
def test_an_address_is_shown_without_secrets_whatever_its_form(url: str, shown: str) -> None:
    assert checkup.without_password(url) == shown


def test_a_folder_of_a_disk_will_do_and_one_of_the_system_will_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, clock = checkup.file_system(tmp_path)
    assert (files.state, clock.state, list(tmp_path.iterdir())) == ("ok", "ok", [])
    [closed] = checkup.file_system(Path("/proc"))
    assert closed.state == "failing" and closed.found.startswith("/proc cannot be written") and closed.cure.startswith("cp -r /proc ")
    monkeypatch.setattr(checkup.fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(38, "not there")))
    [unlocked] = checkup.file_system(tmp_path)
    assert unlocked.state == "failing" and unlocked.found.startswith("locking (flock) fails in ")


def test_a_folder_that_takes_small_letters_for_capitals_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        checkup, "_rename", lambda folder: [shutil.copy(folder / "written", folder / name) for name in ("renamed", "RENAMED")]
    )
    assert [check.state for check in checkup.file_system(tmp_path)] == ["warning", "ok"]


@pytest.mark.parametrize(("seconds", "state"), [(0.5, "ok"), (60.0, "warning"), (-60.0, "warning"), (3600.0, "failing")])
def test_a_clock_that_is_wrong(seconds: float, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(checkup.time, "time", lambda: now - seconds)
    clock = checkup.file_system(tmp_path)[-1]
    assert (clock.name, clock.state, bool(clock.cure)) == ("clock", state, state != "ok")


def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checkup.home() == Check("home", "ok", f"{tmp_path}/.cache can be written")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("HOME", "/proc")
    assert checkup.home() == Check("home", "failing", checkup.home().found, 'export XDG_CACHE_HOME="$PWD/.gap/cache"')
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert checkup.home().state == "ok"
    blocked = tmp_path / "file"
    blocked.touch(mode=stat.S_IRUSR)
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked / "cache"))
    assert checkup.home().state == "failing"


@pytest.mark.parametrize(
    ("arithmetic", "flags", "state"),
    [("portable", "fpu avx2 fma", "ok"), ("portable", "fpu avx fma", "failing"), ("portable", None, "warning"), ("fast", "fpu", "ok")],
)
def test_portable_arithmetic_needs_avx2(arithmetic: str, flags: str | None, state: str) -> None:
    cure = checkup.setting("demo", "arithmetic=fast")
    assert (checkup.cpu(arithmetic, flags, cure).state, checkup.cpu(arithmetic, flags, cure).cure) == (state, "" if state == "ok" else cure)
    assert cure == "dvc exp run -S study=demo -S '++studies.demo.jobs.arithmetic=fast'"


def test_the_memory_of_this_machine() -> None:
    total, free = checkup.memory()
    assert 0 < free <= total and total > 256
