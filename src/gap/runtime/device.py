"""The device that computes: its kind, known without torch because the Snakefile asks too, and torch's device for a job."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gap.core.errors import BadInput
from gap.runtime.arithmetic import check_portable
from gap.runtime.gpu_lock import device_names, gpu_lock
from gap.runtime.process_group import process_group

if TYPE_CHECKING:
    import torch

    from gap.runtime.runtime import Runtime


def device_kind(device: str) -> str:
    """``cuda`` or ``cpu``; ``auto`` is cuda where an NVIDIA device file exists."""
    if device != "auto":
        return device
    return "cuda" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"


def open_device(runtime: Runtime) -> torch.device:
    """Choose the device and make torch deterministic on it, with the runtime's CPU threads.

    Raises
    ------
    BadInput: ``cuda`` is asked for and torch sees no GPU, the name is unknown, or portable arithmetic cannot be had.
    Unavailable: there are several GPUs and none comes free.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before the first CUDA call: cuBLAS is deterministic only with it
    import torch

    device = runtime.device
    if device not in ("auto", "cpu", "cuda"):
        raise BadInput("device", repr(device), "auto, cpu or cuda", "Correct jobs.device or --device.")
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput(
            "device",
            "cuda, but torch sees no GPU",
            "auto, cpu, or cuda with a GPU",
            "Set jobs.device to cpu, or install a CUDA build of torch.",
        )
    keep_freed_memory()
    torch.set_num_threads(max(1, runtime.threads))
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs a write of every buffer
    torch.backends.cuda.matmul.allow_tf32 = False
    if runtime.arithmetic == "portable":
        check_portable()
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return _locked_gpu()


def _locked_gpu() -> torch.device:
    """A GPU that no other job of this host uses; with one device there is nothing to choose."""
    import torch

    count = torch.cuda.device_count()
    if count > 1 and process_group().world_size == 1:  # those of a process group were locked before it started
        torch.cuda.set_device(gpu_lock(device_names(count, os.environ))[0])  # "cuda" means this one from now on
    return torch.device("cuda", torch.cuda.current_device())


def keep_freed_memory() -> None:
    """Have glibc reuse large buffers instead of handing each back: fresh pages cost a small model up to half its time.

    All threads share one arena: what one of them frees the others reuse.
    """
    mmap_threshold, trim_threshold, arena_max, limit = -3, -1, -8, 1 << 30
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(mmap_threshold, limit)
        mallopt(trim_threshold, limit)
        mallopt(arena_max, 1)


def release_freed_memory(least: int = 1 << 28) -> None:
    """Hand what glibc keeps of freed memory back to the system, where that is at least so many bytes.

    Once per checkpoint: between updates, packed weights and scoring, large buffers of other sizes come and go, and the holes that
    they leave would add up to copies of the model.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "mallinfo2") or not hasattr(library, "malloc_trim"):
        return
    library.mallinfo2.restype = _MallocInfo
    if library.mallinfo2().fordblks >= least:
        library.malloc_trim(0)


class _MallocInfo(ctypes.Structure):
    """glibc's ``struct mallinfo2``; ``fordblks`` are the bytes of free blocks."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    ]
