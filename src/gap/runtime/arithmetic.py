"""Which instructions the numerical libraries may choose: the processor's best, or those that give the same bits everywhere.

torch, MKL, NumPy and OpenBLAS look at the processor when they are loaded and take other code for another one, so that sums are
rounded elsewhere.  ``portable`` holds them to AVX2, MKL to its code path for all vendors and OpenBLAS to one thread: with one
thread of torch and its fused Adam every x86-64 processor with AVX2 then gives the same bits.  It costs speed, mostly of large matrix products.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Literal, get_args

from gap.core.errors import BadInput, Refused
from gap.runtime.processor import processor_field

Arithmetic = Literal["portable", "fast"]

#: Read by the libraries when they are loaded, never later.
PORTABLE = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}


def arithmetic() -> Arithmetic:
    """What this process computes by."""
    return "portable" if all(os.environ.get(name) == value for name, value in PORTABLE.items()) else "fast"


def study_arithmetic(plan: dict[str, Any]) -> Arithmetic:
    """What the study behind the content of plan.json is computed by.

    ``fast`` is written nowhere, and a plan that lacks more than this is for its reader to refuse.
    """
    try:
        return plan["study"]["jobs"]["arithmetic"]
    except (KeyError, TypeError, IndexError):
        return "fast"


def light_arithmetic(plan: dict[str, Any]) -> Arithmetic:
    """What light stages compute by: ``portable`` where the processor has AVX2, whatever the study's models do.

    They need no speed, and tables made from the same scores then have the same bits everywhere.
    """
    return "portable" if "avx2" in (processor_field("flags") or "").split() else study_arithmetic(plan)


def set_arithmetic(wanted: str) -> None:
    """Choose before torch and NumPy are loaded; child processes follow.

    Raises
    ------
    BadInput: the name is unknown.
    Refused: ``portable`` is wanted, and a library was loaded without it.
    """
    if wanted not in get_args(Arithmetic):
        raise BadInput("arithmetic", repr(wanted), "portable or fast", "Correct jobs.arithmetic or --arithmetic.")
    if wanted == "fast" or arithmetic() == "portable":
        return
    loaded = [name for name in ("torch", "numpy") if name in sys.modules]
    if loaded:
        settings = " ".join(f'{name}="{value}"' for name, value in PORTABLE.items())
        raise Refused(
            "arithmetic", f"{' and '.join(loaded)} loaded already", "portable before any of them", f"Start Python with {settings}."
        )
    os.environ.update(PORTABLE)


def check_portable() -> None:
    """Make sure that torch keeps to what was chosen.

    Raises
    ------
    BadInput: this machine has no portable arithmetic.
    """
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    if arithmetic() == "fast" or capability != "AVX2" or not torch.backends.mkl.is_available():
        raise BadInput(
            "arithmetic",
            f"portable, but torch computes by {capability}{'' if torch.backends.mkl.is_available() else ' and without MKL'} here",
            "portable on an x86-64 processor with AVX2 and a torch with MKL; fast elsewhere",
            "Set jobs.arithmetic to fast: numbers then agree with the committed ones within rounding, not bit for bit.",
        )
