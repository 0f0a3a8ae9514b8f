"""Cumulative shares of gains, as the figures of the audit draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gap.figures.labels import POINTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def steps(axes: Axes, gain: np.ndarray, line: Any, tint: str) -> None:
    """Draw the share of ``gain`` [runs] (fractions, at least 0) that is at most x points, from zero up."""
    values = np.sort(gain) * POINTS
    heights = np.arange(1, len(values) + 1) / len(values)
    axes.step([0, *values], [0, *heights], where="post", linestyle=line, color=tint)
