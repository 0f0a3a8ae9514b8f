"""Means over runs with bootstrap intervals, per model, method, corpus, task group or task, and policy; and metrics.json, the few that
``dvc metrics diff`` shows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.policies import DECIMALS, detailed_names, policy_names
from gap.aggregate.selections import curves
from gap.aggregate.study_index import ALL, AVERAGE, BASE, ESTIMATE_KEYS, METRIC, StudyIndex
from gap.stats.bootstrap import Bootstrap
from gap.stats.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 2000
LEVEL = 0.95
METRIC_DECIMALS = 6
COLUMNS = [*ESTIMATE_KEYS, "runs", "baseline", "mean", "median", "best", "mean_gain", "low", "high", "share_above"]


def interval(gains: np.ndarray, seed: int, name: str) -> Interval:
    """Percentile bootstrap interval (95 %) of the mean of ``gains`` [n] over runs; NaN for fewer than two runs.

    The resamples depend on ``seed`` and ``name`` only, so one cell's interval does not change when another cell is added.
    """
    resamples = Bootstrap(seed, RESAMPLES, LEVEL).resample(range(len(gains)), name)
    return resamples.interval(lambda positions: gains[positions].mean(axis=-1))


def estimate(run_scores: pd.DataFrame, selections: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """Table ``estimates``: columns ``COLUMNS``; scores and gains as fractions, corpus ``all`` pools the corpora."""
    import pandas as pd

    rows = [_row(names, baseline, values, study.seed) for names, baseline, values in _samples(run_scores, selections, study)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _samples(run_scores: pd.DataFrame, selections: pd.DataFrame, study: StudyIndex) -> Iterator[tuple[dict[str, str], float, np.ndarray]]:
    """Names (``ESTIMATE_KEYS``), baseline, and the runs' values [n]; per task, the step is the one that the group's average picks."""
    for group in study.groups:
        chosen = selections[selections["group"] == group]
        for task in (AVERAGE, *study.tasks(group)):
            by_run = curves(run_scores, study, group if task == AVERAGE else task, METRIC[group])
            for model, method, policy in product(study.subjects, study.methods, policy_names() if task == AVERAGE else detailed_names()):
                part = chosen[(chosen["model"] == model) & (chosen["method"] == method) & (chosen["policy"] == policy)]
                values = np.array([by_run[model, run].at(step) for run, step in zip(part["run"], part["step"], strict=True)])
                for corpus in (ALL, *study.corpora):
                    selected = values if corpus == ALL else values[(part["corpus"] == corpus).to_numpy()]
                    if len(selected):
                        names = (model, method, corpus, group, task, policy)
                        yield dict(zip(ESTIMATE_KEYS, names, strict=True)), by_run[model, BASE].at(0), selected


def _row(names: dict[str, str], baseline: float, values: np.ndarray, seed: int) -> dict[str, Any]:
    gains = np.round(values - baseline, DECIMALS)
    low, high = interval(gains, seed, "/".join(names.values()))
    return {
        **names,
        "runs": len(values),
        "baseline": baseline,
        "mean": values.mean(),
        "median": np.median(values),
        "best": values.max(),
        "mean_gain": gains.mean(),
        "low": low,
        "high": high,
        "share_above": (gains > 0).mean(),
    }


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
        methods: dict[str, dict[str, Any]] = {method: {"runs": len(study.runs_of(model, method))} for method in study.methods_of(model)}
        for method, group in product(list(methods), study.groups):
            best, last = (chosen[model, method, group, policy] for policy in ("best", "last"))
            values = {"difference": best["mean_gain"], "difference_last": last["mean_gain"]}
            if method == study.primary:
                values |= {"baseline": best["baseline"], "gap": best["mean"]}
            methods[method] |= {f"{group}_{name}": round(float(value), METRIC_DECIMALS) for name, value in values.items()}
        numbers[model] = methods.pop(study.primary)
        if methods:
            numbers[model]["methods"] = methods
    return numbers
