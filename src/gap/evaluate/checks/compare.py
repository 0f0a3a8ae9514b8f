"""Two tables of item scores, item by item."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np

from gap.core.errors import BadInput
from gap.core.tables import read_table

KEYS = ["run", "step", "task", "split", "item_hash"]
#: Scores closer than this (nats) count as a tie.
TIE = 1e-4


def compare_scores(first: Path, second: Path) -> dict[str, Any]:
    """How the item scores of two files differ: counts, largest differences, and the items whose prediction or response differs.

    Rows are matched by run, step, task, split and the item's hash, equal items in their order.

    Raises
    ------
    BadInput: a file cannot be read, or the two have no item in common.
    """
    left, right = (
        rows.assign(repeat=rows.groupby(KEYS).cumcount()) for rows in (read_table(path, "item_scores") for path in (first, second))
    )
    joined = left.merge(right, on=[*KEYS, "repeat"], suffixes=("", "_other"), validate="one_to_one")
    if joined.empty:
        raise BadInput(
            str(second), f"no item of {first}", "scores of the same runs, steps and items", "Name two files about the same task."
        )
    rows = cast("list[dict[str, Any]]", joined.to_dict("records"))
    differences = [_largest_difference(row["log_probabilities"], row["log_probabilities_other"]) for row in rows]
    changed = [row for row in rows if row["prediction"] != row["prediction_other"] or row["response"] != row["response_other"]]
    return {
        "items": len(rows),
        "only_in_first": len(left) - len(rows),
        "only_in_second": len(right) - len(rows),
        "largest_difference_nats": max(differences),
        "largest_difference_nll": max((abs(row["nll"] - row["nll_other"]) for row in rows if row["gold"] < 0), default=0.0),
        "largest_difference_f1": max((abs(row["f1"] - row["f1_other"]) for row in rows if row["gold"] < 0), default=0.0),
        "differing": len(changed),
        "ties_among_differing": sum(_tie(row["log_probabilities"]) for row in changed),
        "listed": [_row(row) for row in changed],
    }


def _largest_difference(left: Any, right: Any) -> float:
    if len(left) != len(right):
        return float("inf")
    return float(np.max(np.abs(np.asarray(left) - np.asarray(right)), initial=0.0))


def _tie(scores: Any) -> bool:
    best = np.sort(np.asarray(scores))[-2:]
    return len(best) == 2 and float(best[1] - best[0]) < TIE


def _row(row: dict[str, Any]) -> dict[str, Any]:
    names = ("run", "step", "task", "split", "item", "gold", "prediction", "prediction_other")
    selected: dict[str, Any] = {name: row[name] for name in names}
    if row["gold"] < 0:
        return selected | {"response": row["response"], "response_other": row["response_other"]}
    return selected | {name: [float(score) for score in row[name]] for name in ("log_probabilities", "log_probabilities_other")}
