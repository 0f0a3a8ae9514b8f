"""Columns of ``item_scores`` and the choice of parts that can be reused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gap.evaluate.item_scores import Answer, answer_columns, choice_columns, complete_chunks, frame
from gap.tasks.items import MultipleChoice


def test_the_first_continuation_wins_ties() -> None:
    items = [MultipleChoice("a", (" b", " c", " d"), gold) for gold in (0, 1, 2)]
    columns = choice_columns(items, [np.array([-2.0, -1.0, -1.0])] * 3)
    assert columns["prediction"] == [1, 1, 1]
    assert columns["correct"] == [False, True, False]
    assert columns["log_probabilities"][0] == [-2.0, -1.0, -1.0]


def test_answers_have_no_gold() -> None:
    names = {"model": "m", "method": "", "corpus": "", "text": 0, "run": "base", "step": 0, "task": "t", "split": "s"}
    [row] = frame(names, {"item": [7], "item_hash": ["h"]} | answer_columns([Answer(" yes", 0.5, 3.25, 4)])).to_dict("records")
    assert row == names | {
        "item": 7, "item_hash": "h",
        "gold": -1, "prediction": -1, "correct": False, "log_probabilities": [], "response": " yes", "f1": 0.5, "nll": 3.25, "tokens": 4,
    }  # fmt: skip


def part(run: str, step: int, hashes: list[str], first: int = 0) -> list[dict[str, Any]]:
    return [{"run": run, "step": step, "item": first + place, "item_hash": name} for place, name in enumerate(hashes)]


def test_only_chunks_of_the_very_same_items_are_reused() -> None:
    hashes = [f"h{place}" for place in range(40)]
    full, begun = hashes[:32], hashes[32:]
    frames = [
        pd.DataFrame(part("a", 1, full) + part("a", 1, [*begun, "h40"], 32)),  # its second chunk has one item more
        pd.DataFrame(part("a", 2, full[:31]) + part("b", 1, [*full[:31], "other"])),
        pd.DataFrame(part("a", 1, begun, 32) + part("a", 3, full) + part("c", 1, full)),
    ]
    found = complete_chunks(frames, hashes, {"a": {1, 2}, "b": {1}}, 32)
    assert set(found) == {("a", 1, 0), ("a", 1, 1)}
    assert found["a", 1, 1]["item_hash"].tolist() == begun
