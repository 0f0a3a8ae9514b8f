"""Random signs that are the same on every device: a hash of seed and index in integer arithmetic, no generator's state."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

#: Weights per pass.
PASS = 1 << 22
#: Multipliers and shifts of the finaliser of SplitMix64 (Steele, Lea and Flood 2014, figure 17).
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
#: Odd step between neighbouring indices (the same source: 2**64 over the golden ratio).
GOLDEN = 0x9E3779B97F4A7C15


def add_signs(tensor: Tensor, size: float, seeds: tuple[int, ...], start: int = 0) -> None:
    """Add +-``size`` to every weight of ``tensor`` in place; the signs depend on ``seeds`` and the weight's index alone.

    ``start`` is the index of the first weight, where the tensor is a slice of a larger one.
    """
    import torch

    state = int.from_bytes(hashlib.sha256(repr(seeds).encode()).digest()[:8])
    flat = tensor.view(-1)
    for first in range(0, flat.numel(), PASS):
        part = flat[first : first + PASS]
        indices = torch.arange(start + first + 1, start + first + 1 + len(part), dtype=torch.int64, device=tensor.device)
        mixed = _mix(indices * signed(GOLDEN) + signed(state))
        part.add_(torch.where(mixed < 0, -size, size).to(part.dtype))


def _mix(values: Tensor) -> Tensor:
    """SplitMix64's finaliser on int64 (arithmetic modulo 2**64)."""
    values = (values ^ _shifted(values, 30)) * signed(FIRST)
    values = (values ^ _shifted(values, 27)) * signed(SECOND)
    return values ^ _shifted(values, 31)


def _shifted(values: Tensor, bits: int) -> Tensor:
    """Shift to the right with zeros coming in, which int64 does not have."""
    return (values >> bits) & ((1 << (64 - bits)) - 1)


def signed(value: int) -> int:
    """The int64 with the bits of an unsigned 64-bit number."""
    return value - (1 << 64) if value >> 63 else value
