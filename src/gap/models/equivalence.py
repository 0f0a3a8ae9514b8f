"""What a faster path must prove before it is used: that it gives the reference's numbers, up to a stated rounding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

#: What a model, a machine or a library raises that a faster path does not suit; a failed compilation is a RuntimeError.
UNSUITED = (RuntimeError, NotImplementedError, ValueError, TypeError, AttributeError, IndexError, ImportError, OSError)


@dataclass(frozen=True)
class Tolerance:
    """Allowed difference of an element: ``absolute``, plus ``relative`` times its own magnitude in the reference, plus
    ``of_largest`` times the largest magnitude in the reference (at least 1).  Without any: the same bits.
    """

    absolute: float = 0.0
    relative: float = 0.0
    of_largest: float = 0.0


#: Numbers that are compared at once.
PIECE = 1 << 20
#: Allowed difference of logits in fp32 between two ways to compute them.
LOGITS_TOLERANCE = Tolerance(of_largest=1e-4)


def prove_equivalent(reference: Any, candidate: Any, tolerance: Tolerance) -> str:
    """Why ``candidate`` does not give the numbers of ``reference`` (tensors or arrays of any shape); empty where it does.

    NaN is equal to NaN alone, an infinity to itself alone.  The reason is a phrase to stand behind the name of the numbers.
    """
    expected, given = torch.as_tensor(reference), torch.as_tensor(candidate)
    if given.shape != expected.shape:
        return f"have shape {list(given.shape)} instead of {list(expected.shape)}"
    nan, unequal, largest = 0, 0, 0.0
    for one, other in _pieces(expected, given):
        nan += int((other.isnan() & ~one.isnan()).sum())
        unequal += int((~_equal(one, other)).sum())
        largest = max(largest, float(one.abs().nan_to_num(0.0, posinf=0.0).max()))
    if nan:
        return f"are NaN in {nan} of {given.numel()} places where the reference has a number"
    if not unequal:
        return ""
    beyond, most, scale = False, torch.zeros(1).double(), max(1.0, largest)
    for one, other in _pieces(expected, given):
        difference = (other - one).abs().masked_fill(_equal(one, other), 0.0)
        magnitude = one.abs().nan_to_num(0.0, posinf=0.0)
        allowed = tolerance.absolute + tolerance.relative * magnitude + tolerance.of_largest * scale
        # where the reference alone is NaN, no comparison holds
        beyond |= not bool((difference <= allowed).all())
        most = torch.maximum(most, difference.max())
    return f"differ by up to {float(most):.2g} (largest magnitude {largest:.2g})" if beyond else ""


def _equal(one: Tensor, other: Tensor) -> Tensor:
    return (other == one) | other.isnan()


def _pieces(expected: Tensor, given: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Both as rows of float64 on the host, a piece at a time: logits over a large vocabulary are large, and float64 doubles them."""
    for one, other in zip(expected.reshape(-1).split(PIECE), given.reshape(-1).split(PIECE), strict=True):
        if len(one):
            yield one.cpu().double(), other.cpu().double()


def describe_error(error: BaseException) -> str:
    """Its class and the first line of its message."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
