"""metrics.json: the few numbers that ``dvc metrics diff`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gap.aggregate.estimates import AVERAGE
from gap.aggregate.study_index import ALL, View

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 6


def metrics(estimates: pd.DataFrame, view: View) -> dict[str, dict[str, Any]]:
    """Per subject model: runs, and per group the baseline, the mean over runs of the study's own method, and two mean differences.

    ``<group>_gap`` and ``<group>_difference`` follow policy ``best``, as the paper does; such a difference cannot be
    negative.  ``<group>_difference_last`` is that of the last step, for which nothing was chosen.  Fractions.  Other
    methods stand under ``methods`` by name, with runs and the two differences.
    """
    kept = estimates[(estimates["corpus"] == ALL) & (estimates["task"] == AVERAGE)]
    chosen = {(row["model"], row["method"], row["group"], row["policy"]): row for row in kept.to_dict("records")}
    found: dict[str, dict[str, Any]] = {}
    for model in view.subjects:
        entry: dict[str, Any] = {"runs": len(view.runs_of(model, view.primary))}
        for group in view.groups:
            best = chosen[model, view.primary, group, "best"]
            entry[f"{group}_baseline"] = round(float(best["baseline"]), DECIMALS)
            entry[f"{group}_gap"] = round(float(best["mean"]), DECIMALS)
            entry |= _differences(chosen, model, view.primary, group)
        others = [method for method in view.methods if method != view.primary]
        if others:
            entry["methods"] = {
                method: {"runs": len(view.runs_of(model, method))}
                | {key: value for group in view.groups for key, value in _differences(chosen, model, method, group).items()}
                for method in others
            }
        found[model] = entry
    return found


def _differences(chosen: dict[Any, Any], model: str, method: str, group: str) -> dict[str, float]:
    best, last = chosen[model, method, group, "best"], chosen[model, method, group, "last"]
    return {
        f"{group}_difference": round(float(best["mean_gain"]), DECIMALS),
        f"{group}_difference_last": round(float(last["mean_gain"]), DECIMALS),
    }
