"""Which device computes; light, because the Snakefile asks too."""

from __future__ import annotations

from pathlib import Path


def device_kind(wanted: str) -> str:
    """``cuda`` or ``cpu``: the wanted one, or for ``auto`` cuda where an NVIDIA device file exists."""
    if wanted != "auto":
        return wanted
    return "cuda" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"
