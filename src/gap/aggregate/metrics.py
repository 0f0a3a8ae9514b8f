"""metrics.json: the few numbers that ``dvc metrics diff`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gap.aggregate.estimates import AVERAGE
from gap.aggregate.view import ALL, View

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 6


def metrics(estimates: pd.DataFrame, view: View) -> dict[str, dict[str, Any]]:
    """Per subject model: runs, and per group the baseline, the mean over runs after GAP, and two mean differences.

    ``<group>_gap`` and ``<group>_difference`` follow policy ``best``, as the paper does; such a difference cannot be
    negative.  ``<group>_difference_last`` is that of the last step, for which nothing was chosen.  Fractions.
    """
    kept = estimates[(estimates["corpus"] == ALL) & (estimates["task"] == AVERAGE)]
    chosen = {(row["model"], row["group"], row["policy"]): row for row in kept.to_dict("records")}
    found: dict[str, dict[str, Any]] = {}
    for model in view.subjects:
        entry: dict[str, Any] = {"runs": len(view.runs_of(model))}
        for group in view.groups:
            best, last = chosen[model, group, "best"], chosen[model, group, "last"]
            entry[f"{group}_baseline"] = round(float(best["baseline"]), DECIMALS)
            entry[f"{group}_gap"] = round(float(best["mean"]), DECIMALS)
            entry[f"{group}_difference"] = round(float(best["mean_gain"]), DECIMALS)
            entry[f"{group}_difference_last"] = round(float(last["mean_gain"]), DECIMALS)
        found[model] = entry
    return found
