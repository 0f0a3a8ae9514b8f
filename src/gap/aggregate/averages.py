"""Averages over tasks, as the authors take them: unweighted over the tasks of a group, then over the two groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.aggregate.study_index import ALL, BASE, METRIC, StudyIndex
from gap.core.tables import RUN

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["model", "run", "step", "split"]
#: Metric of task ``all``: a mean of an accuracy and an F1 is neither.
MEAN = "mean"


def add_averages(scores: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """Table ``run_scores``: ``scores`` with the tasks classification, dialogue (F1 and NLL) and all, and the run's parts.

    A split's averages are over the tasks that have it.  ``all`` is the mean of the two group averages, or the only
    group's.  ``items`` of an average is the sum of its tasks' items.
    """
    import pandas as pd

    groups = [_mean_over(scores[scores["metric"] == metric], name, metric) for name, metric in (*METRIC.items(), ("dialogue", "nll"))]
    averages = pd.concat(groups, ignore_index=True)
    overall = _mean_over(averages[averages["metric"].isin(METRIC.values())], ALL, MEAN)
    return _with_parts(pd.concat([scores, averages, overall], ignore_index=True), study)


def _mean_over(rows: pd.DataFrame, name: str, metric: str) -> pd.DataFrame:
    """Unweighted mean over the tasks of ``rows``, NaN where one of them is."""
    if rows.empty:
        return rows
    grouped = rows.sort_values([*KEYS, "task"], kind="stable").groupby(KEYS, sort=True)
    sums = grouped.agg(total=("value", "sum"), known=("value", "count"), tasks=("value", "size"), items=("items", "sum")).reset_index()
    value = (sums["total"] / sums["tasks"]).where(sums["known"] == sums["tasks"])
    return sums[[*KEYS, "items"]].assign(value=value, task=name, metric=metric)


def _with_parts(rows: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """Add method, corpus and text, and put the rows in the order of the plan."""
    import pandas as pd

    unmodified = [{"model": model, "method": "", "corpus": "", "text": -1, "run": BASE} for model in study.models]
    runs = pd.DataFrame([*unmodified, *study.runs], columns=list(RUN))
    rows = rows.merge(runs.assign(run_index=runs.index), on=["model", "run"], how="left")
    models, tasks = list(study.models), [*study.splits, *METRIC, ALL]
    rows = rows.assign(model_index=rows["model"].map(models.index), task_index=rows["task"].map(tasks.index))
    rows = rows.sort_values(["model_index", "run_index", "split", "step", "task_index", "metric"], kind="stable", ignore_index=True)
    return rows.drop(columns=["run_index", "model_index", "task_index"])
