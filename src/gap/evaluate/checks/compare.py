"""Two tables of item scores, item by item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gap.core.errors import BadInput
from gap.core.tables import read_table

KEYS = ["run", "step", "task", "split", "item_hash"]
#: Scores closer than this (nats) count as a tie.
TIE = 1e-4


def compare_scores(first: Path, second: Path) -> dict[str, Any]:
    """How the item scores of two files differ: counts, largest differences, and the items whose prediction or response differs.

    Rows are matched by run, step, task, split and the item's hash.

    Raises
    ------
    BadInput: a file cannot be read, or the two have no item in common.
    """
    one, other = (read_table(path, "item_scores") for path in (first, second))
    joined = one.merge(other, on=KEYS, suffixes=("", "_other"), validate="one_to_one")
    if joined.empty:
        found = f"no item of {first}"
        raise BadInput(str(second), found, "scores of the same runs, steps and items", "Name two files about the same task.")
    rows: list[dict[str, Any]] = [{str(name): value for name, value in row.items()} for row in joined.to_dict("records")]
    gaps = [_gap(row["log_probabilities"], row["log_probabilities_other"]) for row in rows]
    changed = [row for row in rows if row["prediction"] != row["prediction_other"] or row["response"] != row["response_other"]]
    return {
        "items": len(rows),
        "only_in_first": len(one) - len(rows),
        "only_in_second": len(other) - len(rows),
        "largest_difference_nats": max(gaps),
        "largest_difference_nll": max((abs(row["nll"] - row["nll_other"]) for row in rows if row["gold"] < 0), default=0.0),
        "largest_difference_f1": max((abs(row["f1"] - row["f1_other"]) for row in rows if row["gold"] < 0), default=0.0),
        "differing": len(changed),
        "ties_among_differing": sum(_tie(row["log_probabilities"]) for row in changed),
        "listed": [_listed(row) for row in changed],
    }


def _gap(one: Any, other: Any) -> float:
    if len(one) != len(other):
        return float("inf")
    return float(np.max(np.abs(np.asarray(one) - np.asarray(other)), initial=0.0))


def _tie(scores: Any) -> bool:
    best = np.sort(np.asarray(scores))[-2:]
    return len(best) == 2 and float(best[1] - best[0]) < TIE


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    names = ("run", "step", "task", "split", "item", "gold", "prediction", "prediction_other")
    found: dict[str, Any] = {name: row[name] for name in names}
    if row["gold"] < 0:
        found |= {"response": row["response"], "response_other": row["response_other"]}
    else:
        found |= {name: [float(score) for score in row[name]] for name in ("log_probabilities", "log_probabilities_other")}
    return found
