"""Provenance records: what made a result, written beside it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gap.core.files import write_json
from gap.core.secrets import redacted
from gap.runtime.arithmetic import arithmetic
from gap.runtime.process_group import is_first, process_group
from gap.runtime.processor import CPUINFO, processor_field
from gap.runtime.workflow_environment import installed, workflow_versions

PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "pandas", "pyarrow", "snakemake", "dvc", "lm_eval", "datasets", "matplotlib")
LOADED = time.time()
#: What the program is called: the installed script, or the module that it runs.
PROGRAMS = ("gap", "main.py")


def command() -> list[str]:
    """The command line of this process; empty where it is not one of ``gap``, as in a test or a notebook."""
    program = Path(sys.argv[0]).name if sys.argv else ""
    return ["gap", *map(redacted, sys.argv[1:])] if program in PROGRAMS else []


def versions() -> dict[str, str]:
    """Versions of Python and of the packages a result depends on, those of the workflow included (absent ones are left out)."""
    return {"python": platform.python_version(), **workflow_versions(), **installed(PACKAGES)}


def git_state() -> dict[str, Any]:
    """Commit of the working tree and whether tracked files differ from it; empty outside Git."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        status = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": commit, "dirty": bool(status.strip())}


def machine() -> dict[str, Any]:
    """Processor, cores, arithmetic and, where torch is already loaded and sees one, the GPU."""
    facts: dict[str, Any] = {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "arithmetic": arithmetic(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        facts["threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            facts["gpu"] = torch.cuda.get_device_name(0)
    return facts


def cpu_model(file: Path = CPUINFO) -> str:
    """Name of the processor as the system tells it; empty where it does not."""
    name = processor_field("model name", file)
    return platform.processor() if name is None else name


def process_start() -> float:
    """When this process began, in seconds since 1970; where the system does not tell, when this module was loaded."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])  # field 22: ticks since the system's start
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return LOADED


def peak_memory() -> float | None:
    """Largest resident memory of this process so far, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2 ** (20 if sys.platform == "darwin" else 10), 1)


def write_provenance(path: Path, stage: str, settings: dict[str, Any], **more: Any) -> None:
    """Write the provenance record of a result to ``path``: its settings, and how, when and where it was made."""
    if is_first():
        write_json(path, {"stage": stage, "settings": settings, **circumstances(), **more})


def circumstances() -> dict[str, Any]:
    """How, when and where this process works: command, versions, commit, machine, start, present, seconds between, peak memory."""
    started, now = process_start(), time.time()
    return {
        "command": command(),
        "versions": versions(),
        "git": git_state(),
        "machine": machine() | ({"devices": process_group().world_size} if process_group().world_size > 1 else {}),
        "started": utc(started),
        "finished": utc(now),
        "seconds": round(now - started, 3),
        "peak_mib": peak_memory(),
    }


def utc(seconds: float) -> str:
    """A time (seconds since 1970) as a record has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
