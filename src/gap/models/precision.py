"""The precisions that a model with fp32 weights is run in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from gap.runtime.process_group import process_group

#: Name of a precision -> autocast's dtype, None for fp32.
DTYPES: dict[str, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: str, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    """Matrix products in ``dtype``, what is left in fp32; None: everything in fp32."""
    # its cache of halved weights would keep them on a device that shares the model with others
    return nullcontext() if dtype is None else torch.autocast(device, dtype=dtype, cache_enabled=process_group().world_size == 1)


@contextmanager
def without_denormals() -> Iterator[None]:
    """On the CPU, numbers below 1.2e-38 are zero within the block, or the function that this decorates.

    The further ascent climbs, the more of a vocabulary has such probabilities, and a product over them takes thirty times as long.  GPUs
    compute with them at full speed.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
