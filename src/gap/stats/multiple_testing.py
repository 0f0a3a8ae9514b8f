"""Corrections of p-values for a family of tests."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given (Holm 1979)."""
    from statsmodels.stats.multitest import multipletests

    if len(p_values) < 2:
        return list(p_values)
    gc.freeze()  # multipletests collects garbage: 0.1 s or more with all that is loaded, nothing while that is frozen
    try:
        return list(multipletests(p_values, method="holm")[1].tolist())
    finally:
        gc.unfreeze()


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the false discovery rate, in the order given (Benjamini and Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return false_discovery_control(p_values).tolist() if len(p_values) else []


def intersection_union(p_values: Sequence[float]) -> tuple[float, float]:
    """p-values of "not all effects are there" and of "all are there", of the one-sided ones of "this effect is not there".

    The first by the intersection-union test (Berger 1982), the second by Bonferroni over 1 - p.
    """
    return max(p_values), min(1.0, len(p_values) * min(1 - p for p in p_values))


#: Name in preregistration.yaml -> correction.
CORRECTIONS: dict[str, Callable[[Sequence[float]], list[float]]] = {"holm": holm, "benjamini_hochberg": benjamini_hochberg, "none": list}


def corrected(p_values: Mapping[str, tuple[float, float]], correction: str) -> dict[str, tuple[float, float]]:
    """By name, p-values for and against what is claimed of it: each side corrected over the names, by one of ``CORRECTIONS``."""
    sides = (CORRECTIONS[correction]([pair[side] for pair in p_values.values()]) for side in (0, 1))
    return dict(zip(p_values, zip(*sides, strict=True), strict=True))
