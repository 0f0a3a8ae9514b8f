"""Table ``selections``: the step that each policy picks for each run and task group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gap.aggregate.policies import DECIMALS, POLICIES
from gap.aggregate.stopping_rule import stop
from gap.aggregate.study_index import BASE, METRIC, StudyIndex
from gap.core.tables import RUN, TABLES

if TYPE_CHECKING:
    import pandas as pd

Curves = dict[tuple[str, str], np.ndarray]


def curves(run_scores: pd.DataFrame, study: StudyIndex, task: str, metric: str) -> Curves:
    """(model, run) -> value of ``task`` by step on the first split, float64 [n + 1], step 0 the unmodified model."""
    rows = run_scores[(run_scores["task"] == task) & (run_scores["metric"] == metric) & (run_scores["split"] == study.split)]
    rows = rows.sort_values("step", kind="stable")
    values_of = {(str(model), str(run)): part["value"].to_numpy() for (model, run), part in rows.groupby(["model", "run"], sort=False)}
    return {key: values if key[1] == BASE else np.r_[values_of[key[0], BASE], values] for key, values in values_of.items()}


def select(run_scores: pd.DataFrame, study: StudyIndex, epochs: dict[str, list[int]]) -> pd.DataFrame:
    """One row per run, group and policy; chosen and scored on the study's first split.

    ``epochs`` gives each run's step after each tried update.  Gains below 1e-12 in magnitude are rounding and become 0.
    """
    import pandas as pd

    by_group = {group: curves(run_scores, study, group, METRIC[group]) for group in study.groups}
    rows = []
    for run in study.runs:
        values = {group: by_group[group][run["model"], run["run"]] for group in study.groups}
        stopped = stop(list(values.values()), epochs[run["run"]])
        for group, curve in values.items():
            for policy in POLICIES:
                step = policy.choose(curve, stopped)
                gain = round(float(curve[step] - curve[0]), DECIMALS)
                chosen = {"step": step, "value": curve[step], "baseline": curve[0], "gain": gain}
                names = {name: run[name] for name in RUN}
                rows.append({**names, "policy": policy.name, "group": group, "split": study.split, **chosen})
    return pd.DataFrame(rows, columns=list(TABLES["selections"]))
