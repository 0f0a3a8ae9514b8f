"""The tree layout proves itself on the model at hand before it is used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gap.evaluate.encoding.encode import Layout, encode_items
from gap.evaluate.engine.split_model import SplitModel
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.tasks.items import MultipleChoice

#: Items to try, and the largest difference of a log-probability (nats) between the layouts: absolute, and per nat.
TRIED = 4
ABSOLUTE, RELATIVE = 1e-3, 1e-5
LOG = logging.getLogger(__name__)
#: What a model raises that does not take the mask or the positions.
UNSUITED = (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError)


def choose_layout(network: SplitModel, items: Sequence[MultipleChoice], tokenizer: Any, max_length: int, device: str) -> tuple[Layout, str]:
    """``tree`` where it gives the plain layout's scores of a few items (fp32), else ``plain`` and the (logged) reason."""

    def score(layout: Layout) -> np.ndarray:
        blocks = encode_items(items[:TRIED], tokenizer, max_length, max_length, device, layout)
        return np.concatenate([sums for block in score_chunks(network, blocks) for sums in block])

    return proven(network, score)


def proven(network: SplitModel, score: Callable[[Layout], np.ndarray], slack: float = 1.0) -> tuple[Layout, str]:
    """``tree`` where ``score`` gives the same log-probabilities (nats) by both layouts, else ``plain`` and the (logged) reason.

    A model must take a 4-D mask and position ids; some do not, some do and ignore them.  ``slack`` widens the tolerance.
    """
    plain = score("plain")
    try:
        reason = _difference(plain, score("tree"), slack)
    except UNSUITED as error:
        message = str(error).splitlines()[0] if str(error) else ""
        reason = f"it does not take a 4-D mask and position ids ({type(error).__name__}: {message})"
    if reason:
        LOG.warning("%s is scored without trees: %s", type(network.model).__name__, reason)
    return ("plain", reason) if reason else ("tree", "")


def _difference(plain: np.ndarray, tree: np.ndarray, slack: float) -> str:
    """How the scores differ by more than rounding; empty where they do not."""
    if np.isnan(tree).any() and not np.isnan(plain).any():
        return "trees give NaN"
    gap = np.abs(plain - tree)
    wide = (gap > slack * (ABSOLUTE + RELATIVE * np.abs(plain))).any()
    return f"log-probabilities differ by up to {float(np.nanmax(gap, initial=0.0)):.2g} nats" if wide else ""
