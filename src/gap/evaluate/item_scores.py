"""Rows of table ``item_scores``, and finding those that need not be computed again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gap.core.errors import Refused
from gap.core.tables import TABLES
from gap.tasks.dialogue import cut, unigram_f1
from gap.tasks.items import Dialogue, MultipleChoice

#: (run, step, number of the item chunk)
ChunkKey = tuple[str, int, int]


#: What a row holds where another kind of item has scores.
NO_SCORES: dict[str, Any] = {
    "gold": -1,
    "prediction": -1,
    "correct": False,
    "log_probabilities": [],
    "response": "",
    "f1": float("nan"),
    "nll": float("nan"),
    "tokens": 0,
}


@dataclass(frozen=True)
class Answer:
    """One item's result: the greedy response, its F1, the summed NLL (nats) of the reference and its tokens."""

    response: str
    f1: float
    nll: float
    tokens: int


def judge(text: str, item: Dialogue, nll: float, tokens: int) -> Answer:
    """The answer for a decoded ``text``, cut at the item's stop text, and its F1 against the reference."""
    response = cut(text, item.stop)
    return Answer(response, unigram_f1(response, item.reference), nll, tokens)


def check_finite(values: Sequence[float] | np.ndarray, where: str, precision: str) -> None:
    """Refuse log-probabilities that are not finite: the largest of such would be the first choice, and count as an answer.

    Raises
    ------
    Refused: naming ``where`` and the precision that gave them.
    """
    if np.isfinite(values).all():
        return
    cures = {"fp16": "Set evaluate.precision to bf16 or fp32.", "bf16": "Set evaluate.precision to fp32."}
    cure = cures.get(precision, "The weights are too large to be scored: lower gap.learning_rate or gap.updates, or use another model.")
    shown = ", ".join(f"{value:.4g}" for value in values)
    raise Refused(where, f"log-probabilities {shown} in {precision}", "finite numbers", cure)


def choice_columns(items: Sequence[MultipleChoice], scores: Sequence[np.ndarray]) -> dict[str, list[Any]]:
    """Columns of multiple-choice items; ``scores`` are log-probabilities (nats) per continuation; the first wins ties."""
    predictions = [int(np.argmax(sums)) for sums in scores]
    return {
        "gold": [item.gold for item in items],
        "prediction": predictions,
        "correct": [item.gold == prediction for item, prediction in zip(items, predictions, strict=True)],
        "log_probabilities": [sums.tolist() for sums in scores],
    }


def answer_columns(answers: Sequence[Answer]) -> dict[str, list[Any]]:
    """Columns of dialogue items."""
    return {
        "response": [answer.response for answer in answers],
        "f1": [answer.f1 for answer in answers],
        "nll": [answer.nll for answer in answers],
        "tokens": [answer.tokens for answer in answers],
    }


def frame(constants: dict[str, Any], columns: dict[str, list[Any]]) -> pd.DataFrame:
    """Rows from the columns that vary and the ``constants`` that do not, in the order of the table."""
    count = len(columns["item"])
    unvaried = {name: [value] * count for name, value in (NO_SCORES | constants).items()}
    return pd.DataFrame(unvaried | columns)[list(TABLES["item_scores"])]


def complete_chunks(
    frames: Iterable[pd.DataFrame], hashes: Sequence[str], steps: dict[str, set[int]], size: int
) -> dict[ChunkKey, pd.DataFrame]:
    """The parts of earlier tables that hold exactly the items of one of our chunks (``size`` items), at the ``steps`` of each run.

    The bits of a score depend on the other items of its chunk, so a chunk with more or fewer items is another one.
    """
    expected = [list(hashes[first : first + size]) for first in range(0, len(hashes), size)]
    complete: dict[ChunkKey, pd.DataFrame] = {}
    for rows in frames:
        for group, part in rows.groupby(["run", "step", rows["item"] // size], sort=False):
            values: Any = group
            key = run, step, chunk = str(values[0]), int(values[1]), int(values[2])
            if key in complete or step not in steps.get(run, ()) or chunk >= len(expected):
                continue
            ordered = part.sort_values("item")
            if ordered["item_hash"].tolist() == expected[chunk]:
                complete[key] = ordered
    return complete
