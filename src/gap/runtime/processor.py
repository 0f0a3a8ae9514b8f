"""What the system says of the processor and of memory."""

from __future__ import annotations

from pathlib import Path

CPUINFO, MEMINFO = Path("/proc/cpuinfo"), Path("/proc/meminfo")


def processor_field(name: str, file: Path = CPUINFO) -> str | None:
    """A field of the first processor, such as ``model name`` or ``flags``; empty where it has none, None where the system does not tell."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    fields = (line.partition(":") for line in lines)
    return next((value.strip() for field, _, value in fields if field.strip() == name), "")


def memory_field(name: str) -> int | None:
    """Bytes of a field such as ``MemAvailable``, what can be had without swapping; None where the system does not tell."""
    value = (processor_field(name, MEMINFO) or "").removesuffix(" kB")
    return int(value) * 1024 if value.isdigit() else None
