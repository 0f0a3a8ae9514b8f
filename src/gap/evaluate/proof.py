"""The tree layout proves itself on the model at hand before it is used."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from gap.evaluate.compile import Layout, compile_choices
from gap.evaluate.multiple_choice import score_blocks
from gap.evaluate.network import Network
from gap.tasks.items import MultipleChoice

#: Items to try, and the largest difference of a log-probability (nats) between the layouts: absolute, and per nat.
TRIED = 4
ABSOLUTE, RELATIVE = 1e-3, 1e-5
LOG = logging.getLogger(__name__)


def choose_layout(network: Network, items: Sequence[MultipleChoice], tokenizer: Any, max_length: int, device: str) -> tuple[Layout, str]:
    """``tree`` where it gives the plain layout's scores, else ``plain`` and the (logged) reason.

    A model must take a 4-D mask and position ids; some do not, some do and ignore them.
    """
    reason = difference(network, items[:TRIED], tokenizer, max_length, device)
    if reason:
        LOG.warning("%s is scored without trees: %s", type(network.model).__name__, reason)
    return ("plain", reason) if reason else ("tree", "")


def difference(network: Network, items: Sequence[MultipleChoice], tokenizer: Any, max_length: int, device: str) -> str:
    """How the layouts' scores of ``items`` differ by more than rounding, in fp32; empty where they do not."""
    found = []
    for layout in ("plain", "tree"):
        try:
            blocks = compile_choices(items, tokenizer, max_length, max_length, device, layout)
            found.append(np.concatenate([sums for block in score_blocks(network, blocks) for sums in block]))
        except (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError) as error:
            if layout == "plain":
                raise
            return (
                f"it does not take a 4-D mask and position ids ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
            )
    plain, tree = found
    gap = np.abs(plain - tree)
    if np.isnan(tree).any() and not np.isnan(plain).any():
        return "trees give NaN"
    worst = float(np.nanmax(gap, initial=0.0))
    return f"log-probabilities differ by up to {worst:.2g} nats" if (gap > ABSOLUTE + RELATIVE * np.abs(plain)).any() else ""
