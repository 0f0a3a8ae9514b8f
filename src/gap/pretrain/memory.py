"""Whether a model that is to be trained here fits into memory, asked before anything is allocated."""

from __future__ import annotations

import torch

from gap.core.errors import BadInput
from gap.params.models import PretrainedHere
from gap.runtime.processor import memory_field

#: fp32: a weight, its gradient, and Adam's two moments.
BYTES_PER_PARAMETER = 16
GIB = 1 << 30


def check_memory(name: str, settings: PretrainedHere, vocabulary: int, device: torch.device) -> None:
    """Refuse a model whose weights, gradients and optimizer's state do not fit; activations come on top of them.

    Raises
    ------
    BadInput: they do not fit.
    """
    available = device_memory(device)
    number = parameters(settings, vocabulary)
    needed = number * BYTES_PER_PARAMETER
    if available is not None and needed > available:
        raise BadInput(
            f"models.{name}",
            f"{number:,} parameters, which take {needed / GIB:,.1f} GiB to train (weights, gradients and Adam's state in fp32)",
            f"{available / GIB:,.1f} GiB, the memory that is free on {device.type}",
            "Lower hidden_size, layers, ffn, context or the tokenizer's vocab_size.",
        )


def parameters(settings: PretrainedHere, vocabulary: int) -> int:
    """Parameters of the OPT with these settings: embeddings of tokens and positions, and per layer attention, feed-forward and norms."""
    width, ffn = settings.hidden_size, settings.ffn or 4 * settings.hidden_size
    layer = 4 * (width * width + width) + 2 * width * ffn + ffn + width + 4 * width
    return (vocabulary + settings.context + 2) * width + settings.layers * layer + 2 * width


def device_memory(device: torch.device) -> int | None:
    """Free memory in bytes, swap included; None where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    available = memory_field("MemAvailable")
    return None if available is None else available + (memory_field("SwapFree") or 0)
