"""Table ``selections``: the step that each policy picks for each run and task group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gap.aggregate.policies import DECIMALS, POLICIES
from gap.aggregate.stopping_rule import stop
from gap.aggregate.study_index import BASE, METRIC, StudyIndex
from gap.core.tables import RUN, TABLES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Curve:
    """A run's values at its scored steps, both [n + 1] in ascending order; the first is step 0, the unmodified model."""

    steps: np.ndarray
    values: np.ndarray

    def position(self, step: int) -> int:
        """Where a scored step stands."""
        return int(np.searchsorted(self.steps, step))

    def at(self, step: int) -> float:
        """The value at a scored step."""
        return float(self.values[self.position(step)])


Curves = dict[tuple[str, str], Curve]


def curves(run_scores: pd.DataFrame, study: StudyIndex, task: str, metric: str) -> Curves:
    """(model, run) -> values of ``task`` by step on the first split, of the unmodified models and all planned runs."""
    rows = run_scores[(run_scores["task"] == task) & (run_scores["metric"] == metric) & (run_scores["split"] == study.split)]
    rows = rows.sort_values("step", kind="stable")
    scored = {
        (str(model), str(run)): Curve(part["step"].to_numpy(), part["value"].to_numpy())
        for (model, run), part in rows.groupby(["model", "run"], sort=False)
    }
    nothing = Curve(np.array([], dtype=int), np.array([]))  # a run that diverged before the first step that is scored
    found = {key: curve for key, curve in scored.items() if key[1] == BASE}
    for model, run in [(run["model"], run["run"]) for run in study.runs]:
        base, own = found[model, BASE], scored.get((model, run), nothing)
        found[model, run] = Curve(np.r_[base.steps, own.steps], np.r_[base.values, own.values])
    return found


def last_scored(selections: pd.DataFrame, study: StudyIndex, model: str) -> dict[str, int]:
    """Run -> its last planned step that is scored, by table ``selections``, of a model's runs; 0 of the unmodified model.

    Files of scores may hold later ones, of a study that once tried more updates.
    """
    rows = selections[(selections["model"] == model) & (selections["policy"] == "last") & (selections["group"] == study.groups[0])]
    return {BASE: 0} | dict(zip(rows["run"], rows["step"].astype(int), strict=True))


def select(run_scores: pd.DataFrame, study: StudyIndex, epochs: dict[str, list[int]]) -> pd.DataFrame:
    """One row per run, group and policy; chosen and scored on the study's first split.

    ``epochs`` gives each run's step after each tried update.  Gains below 1e-12 in magnitude are rounding and become 0.
    """
    import pandas as pd

    by_group = {group: curves(run_scores, study, group, METRIC[group]) for group in study.groups}
    rows = []
    for run in study.runs:
        curve_of = {group: by_group[group][run["model"], run["run"]] for group in study.groups}
        steps = next(iter(curve_of.values())).steps
        stopped = stop([curve.values for curve in curve_of.values()], epochs[run["run"]], steps.tolist())
        for group, curve in curve_of.items():
            for policy in POLICIES:
                position = policy.choose(curve.values, curve.position(stopped))
                value, baseline = curve.values[position], curve.values[0]
                gain = round(float(value - baseline), DECIMALS)
                chosen = {"step": int(steps[position]), "value": value, "baseline": baseline, "gain": gain}
                names = {name: run[name] for name in RUN}
                rows.append({**names, "policy": policy.name, "group": group, "split": study.split, **chosen})
    return pd.DataFrame(rows, columns=list(TABLES["selections"]))
