"""The precisions that a model with fp32 weights is run in."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from gap.runtime.process_group import process_group

#: Name of a precision -> autocast's dtype, None for fp32.
DTYPES: dict[str, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: str, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    """Matrix products in ``dtype``, what is left in fp32; None: everything in fp32."""
    # its cache of halved weights would keep them on a device that shares the model with others
    return nullcontext() if dtype is None else torch.autocast(device, dtype=dtype, cache_enabled=process_group().world_size == 1)
