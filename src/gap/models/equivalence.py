"""What a faster path must prove before it is used: that it gives the reference's numbers, up to a stated rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

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


#: Allowed difference of logits in fp32 between two ways to compute them.
LOGITS_TOLERANCE = Tolerance(of_largest=1e-4)


def prove_equivalent(reference: Any, candidate: Any, tolerance: Tolerance) -> str:
    """Why ``candidate`` does not give the numbers of ``reference`` (tensors or arrays of any shape); empty where it does.

    NaN is equal to NaN alone, an infinity to itself alone.  The reason is a phrase to stand behind the name of the numbers.
    """
    expected, given = (torch.as_tensor(values).double().cpu() for values in (reference, candidate))
    if given.shape != expected.shape:
        return f"have shape {list(given.shape)} instead of {list(expected.shape)}"
    if count := int((given.isnan() & ~expected.isnan()).sum()):
        return f"are NaN in {count} of {given.numel()} places where the reference has a number"
    equal = (given == expected) | given.isnan()
    if equal.all():
        return ""
    difference = (given - expected).abs().masked_fill(equal, 0.0)
    magnitude = expected.abs().nan_to_num(0.0, posinf=0.0)
    largest = float(magnitude.max())
    allowed = tolerance.absolute + tolerance.relative * magnitude + tolerance.of_largest * max(1.0, largest)
    # where the reference alone is NaN, no comparison holds
    if (difference <= allowed).all():
        return ""
    return f"differ by up to {float(difference.max()):.2g} (largest magnitude {largest:.2g})"


def describe_error(error: BaseException) -> str:
    """Its class and the first line of its message."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
