"""metrics.json: the few numbers that ``dvc metrics diff`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gap.aggregate.study_index import ALL, AVERAGE, StudyIndex

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 6


def metrics(estimates: pd.DataFrame, study: StudyIndex) -> dict[str, dict[str, Any]]:
    """Per subject model: runs, and per group the baseline, the mean over runs of the study's own method, and two mean differences.

    ``<group>_gap`` and ``<group>_difference`` follow policy ``best``, as the paper does; such a difference cannot be
    negative.  ``<group>_difference_last`` is that of the last step, for which nothing was chosen.  Fractions.  Other
    methods stand under ``methods`` by name, with runs and the two differences.
    """
    averages = estimates[(estimates["corpus"] == ALL) & (estimates["task"] == AVERAGE)]
    chosen = {(row["model"], row["method"], row["group"], row["policy"]): row for row in averages.to_dict("records")}
    numbers: dict[str, dict[str, Any]] = {}
    for model in study.subjects:
        entry: dict[str, Any] = {"runs": len(study.runs_of(model, study.primary))}
        for group in study.groups:
            best = chosen[model, study.primary, group, "best"]
            entry[f"{group}_baseline"] = round(float(best["baseline"]), DECIMALS)
            entry[f"{group}_gap"] = round(float(best["mean"]), DECIMALS)
            entry |= _differences(chosen, model, study.primary, group)
        others = [method for method in study.methods if method != study.primary]
        if others:
            entry["methods"] = {
                method: {"runs": len(study.runs_of(model, method))}
                | {key: value for group in study.groups for key, value in _differences(chosen, model, method, group).items()}
                for method in others
            }
        numbers[model] = entry
    return numbers


def _differences(chosen: dict[Any, Any], model: str, method: str, group: str) -> dict[str, float]:
    best, last = chosen[model, method, group, "best"], chosen[model, method, group, "last"]
    return {
        f"{group}_difference": round(float(best["mean_gain"]), DECIMALS),
        f"{group}_difference_last": round(float(last["mean_gain"]), DECIMALS),
    }
