"""What this machine has: Python, packages, GPU, commands, file system, clock, home folder.  Nothing is changed, torch is not imported."""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from gap.runtime.commands import NEEDED
from gap.runtime.device import device_kind
from gap.runtime.processor import memory_field

#: Oldest Python.
PYTHON = (3, 11)
INSTALL = f"{sys.executable} -m pip install --constraint constraints.txt --editable ."
#: Seconds by which clock and file times may differ before it is said, and before it is a failure.
SKEW, TOO_MUCH = 2.0, 300.0


@dataclass(frozen=True)
class Check:
    """One finding; cure: the command that mends it, never empty where it is failing."""

    name: str
    state: Literal["ok", "warning", "failing"]
    found: str
    cure: str = ""


def python_version() -> Check:
    """Whether this Python is recent enough."""
    found = f"{sys.version.split()[0]} at {sys.executable}"
    if sys.version_info >= PYTHON:
        return Check("python", "ok", found)
    return Check("python", "failing", f"{found}; 3.11 or later is needed", "make PYTHON=python3.12")


def packages(root: Path) -> Check:
    """Installed versions against ``constraints.txt``; a missing dependency of pyproject.toml fails, another version is a warning."""
    try:
        pins = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (root / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
        wanted = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    except (OSError, KeyError, ValueError) as error:
        return Check(
            "packages", "warning", f"constraints.txt or pyproject.toml cannot be read ({error})", "git checkout -- constraints.txt"
        )
    needed = {name[0] for text in wanted if (name := re.match(r"[A-Za-z0-9._-]+", text))}
    installed = {name: _version(name) for name in {*pins, *needed}}
    missing = sorted(name for name in needed if not installed[name])
    if missing:
        return Check("packages", "failing", f"not installed: {', '.join(missing)}", INSTALL)
    other = sorted(f"{name} {have} ({pins[name]})" for name, have in installed.items() if have and name in pins and have != pins[name])
    if other:
        return Check("packages", "warning", f"{len(other)} other than in constraints.txt: {', '.join(other[:5])}", INSTALL)
    return Check("packages", "ok", f"{sum(bool(have) for have in installed.values())} as in constraints.txt")


def _version(name: str) -> str:
    """Installed version without a local suffix; empty where it is not installed."""
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return ""


def torch_build() -> str:
    """The CUDA version that torch was built for, ``cpu``, or empty without torch; read from its ``version.py``, not imported."""
    try:
        text = Path(str(metadata.distribution("torch").locate_file("torch/version.py"))).read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, OSError):
        return ""
    found = re.search(r"^cuda\b[^=]*=\s*['\"]([\d.]+)['\"]", text, re.MULTILINE)
    return f"CUDA {found[1]}" if found else "cpu"


def gpus() -> list[tuple[str, float]]:
    """Name and memory in MiB of each NVIDIA GPU, as ``nvidia-smi`` says; none without it."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
        return [(name.strip(), float(memory)) for name, _, memory in (line.rpartition(",") for line in lines if line.strip())]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def setting(study: str, value: str) -> str:
    """The command that runs a study with another value of ``jobs``."""
    return f"dvc exp run -S study={study} -S '++studies.{study}.jobs.{value}'"


def gpu(device: str, cure: str) -> Check:
    """GPU and torch's build against ``jobs.device``; ``cure``: for a study that asks for a GPU where none is."""
    found, build = gpus(), torch_build()
    has = f"{len(found)} x {found[0][0]}" if found else "no GPU"
    said = f"{has} (nvidia-smi), torch for {build or 'nothing: not installed'} (its version.py), jobs.device: {device}"
    if found and build == "cpu" and device != "cpu":
        state: Literal["warning", "failing"] = "failing" if device_kind(device) == "cuda" else "warning"
        return Check("gpu", state, f"{said}: a CUDA build of torch is needed", f"{sys.executable} -m pip install --force-reinstall torch")
    if device == "cuda" and not found:
        return Check("gpu", "failing", said, cure)
    return Check("gpu", "ok", said)


def commands() -> list[Check]:
    """conda and Slurm (only a flag needs them) and Git (provenance records and DVC do)."""
    checks = []
    for name, flag in (("conda", "--use-conda"), ("slurm", "the Slurm profile")):
        names, source, instead = NEEDED[flag]
        path = next(filter(None, map(shutil.which, names)), None)
        absent = f"no {' or '.join(names)} on PATH; {flag} needs it ({source}); {instead}"
        checks.append(Check(name, "ok" if path else "warning", path or absent))
    git = shutil.which("git")
    inside = bool(git) and subprocess.run(["git", "rev-parse"], capture_output=True, check=False).returncode == 0
    if inside:
        return [*checks, Check("git", "ok", str(git))]
    lacks = (
        "not a repository: records name no commit, and DVC needs one" if git else "not on PATH: records name no commit, and DVC needs it"
    )
    return [*checks, Check("git", "warning", lacks, "git init" if git else "apt-get install git")]


def dvc_remote(root: Path) -> Check:
    """Where ``dvc push`` would put heavy files, the default remote; a URL is shown without a password."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read([root / ".dvc/config", root / ".dvc/config.local"], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        return Check("dvc", "failing", f".dvc/config: {str(error).splitlines()[0]}", "git checkout -- .dvc/config")
    section = f"'remote \"{parser.get('core', 'remote', fallback='')}\"'"
    if section not in parser:
        return Check("dvc", "warning", "no default remote: dvc push and pull have nowhere to go", "dvc remote add -d NAME PATH")
    return Check("dvc", "ok", f"remote {without_password(parser[section].get('url', 'without a url'))}")


def without_password(url: str) -> str:
    """A URL without user, password and query, in which tokens stand too."""
    scheme = found[0] if (found := re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url)) else ""
    host, *path = re.split("[?#]", url.removeprefix(scheme))[0].split("/", 1)
    return scheme + "/".join([host.rpartition("@")[2], *path])


def file_system(root: Path) -> list[Check]:
    """Whether files in a folder can be written, renamed and locked, letters' case is told apart, and file times agree with the clock."""
    cure = f"cp -r {root.resolve()} {tempfile.gettempdir()}/gap"
    try:
        with tempfile.TemporaryDirectory(prefix=".gap-doctor-", dir=root) as name:
            folder = Path(name)
            for step in (_write, _rename, _lock):
                try:
                    step(folder)
                except OSError as error:
                    return [Check("files", "failing", f"{step.__doc__} fails in {root.resolve()} ({os.strerror(error.errno or 0)})", cure)]
            is_told_apart = not (folder / "RENAMED").exists()
            skew = (folder / "renamed").stat().st_mtime - time.time()
    except OSError as error:
        return [Check("files", "failing", f"{root.resolve()} cannot be written ({os.strerror(error.errno or 0)})", cure)]
    case = Check("files", "ok", "write, rename and flock work, and case is told apart")
    if not is_told_apart:
        case = Check("files", "warning", "write, rename and flock work, but A and a are one file: names must differ in more than case")
    return [case, clock(skew)]


def _write(folder: Path) -> None:
    """writing"""
    (folder / "written").write_text("x" * 4096)


def _rename(folder: Path) -> None:
    """renaming"""
    os.replace(folder / "written", folder / "renamed")


def _lock(folder: Path) -> None:
    """locking (flock)"""
    with (folder / "renamed").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def clock(skew: float) -> Check:
    """File times against this machine's clock, in seconds."""
    said = f"file times differ from the clock by {abs(skew):.1f} s"
    if abs(skew) <= SKEW:
        return Check("clock", "ok", said)
    return Check(
        "clock", "warning" if abs(skew) <= TOO_MUCH else "failing", f"{said}; logs and records will mislead", "timedatectl set-ntp true"
    )


def home() -> Check:
    """Whether Snakemake can make its cache, below XDG_CACHE_HOME or the home folder; tried in the deepest folder that is there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/")) / ".cache")
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    try:
        with tempfile.NamedTemporaryFile(prefix=".gap-doctor-", dir=there):
            return Check("home", "ok", f"{cache} can be written")
    except OSError as error:
        return Check(
            "home", "failing", f"{cache} cannot be written ({os.strerror(error.errno or 0)})", 'export XDG_CACHE_HOME="$PWD/.gap/cache"'
        )


def cpu(arithmetic: str, flags: str | None, cure: str) -> Check:
    """Whether portable arithmetic can be had; ``flags``: what the system says of the processor, None where it says nothing."""
    said = f"arithmetic: {arithmetic}, AVX2 {'unknown' if flags is None else 'there' if 'avx2' in flags.split() else 'not there'}"
    if arithmetic != "portable" or (flags and "avx2" in flags.split()):
        return Check("cpu", "ok", said)
    return Check("cpu", "warning" if flags is None else "failing", f"{said}: portable needs it", cure)


def memory() -> tuple[float, float]:
    """MiB that this machine has, and that are available, page cache included; a container's limit where it is less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    available = memory_field("MemAvailable")
    free = total if available is None else available / 2**20
    with contextlib.suppress(OSError):
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8").strip()
        total = min(total, int(limit) / 2**20) if limit.isdigit() else total
    return total, min(free, total)
