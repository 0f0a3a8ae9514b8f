"""The CSV files that ``dvc plots`` draws and that the figures read: tidy, one row per point."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gap.aggregate.policies import policy_names
from gap.aggregate.study_index import BASE, METRIC, StudyIndex
from gap.aggregate.trajectories import losses_at_steps, up_to_last_scored
from gap.core.tables import RUN

if TYPE_CHECKING:
    import pandas as pd

STEP_COLUMNS = ["series", "model", "method", "corpus", "step", "runs", "dialogue", "classification", "loss"]
#: Name of a pretrained model's loss curve in its folder.
CURVE = "pretraining.csv"


def score_by_step(run_scores: pd.DataFrame, trajectories: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """Means over runs by model, method, corpus and step: columns ``STEP_COLUMNS``.

    Step 0 is the unmodified model.  ``runs`` counts the runs that reached the step (a diverged run ends early);
    ``loss`` is that of the runs' own texts at the step (nats per token, empty at a run's last one).
    """
    import pandas as pd

    rows = run_scores[run_scores["split"] == study.split]
    losses = losses_at_steps(trajectories)
    parts = []
    for model in study.subjects:
        for method, corpus in product(study.methods_of(model), study.corpora):
            runs = [run["run"] for run in study.runs_of(model, method) if run["corpus"] == corpus]
            if runs:
                mine = rows[(rows["model"] == model) & rows["run"].isin([*runs, BASE])]
                means = _means(mine, losses[losses["run"].isin(runs)], len(runs))
                parts.append(means.assign(series=series(study, model, method, corpus), model=model, method=method, corpus=corpus))
    return pd.concat(parts, ignore_index=True)[STEP_COLUMNS] if parts else pd.DataFrame(columns=STEP_COLUMNS)


def series(study: StudyIndex, model: str, method: str, corpus: str) -> str:
    """Name of a line or cloud of points; the study's own method needs no mention."""
    label = f"{study.models[model]} {study.corpora[corpus]}"
    return label if method == study.primary else f"{label}, {study.methods[method]}"


def _means(rows: pd.DataFrame, losses: pd.DataFrame, runs: int) -> pd.DataFrame:
    import pandas as pd

    finite = losses[np.isfinite(losses["loss"])]
    columns = {"loss": finite.groupby("step")["loss"].mean()}
    counts: pd.Series = pd.Series({0: runs}, dtype=int)
    for group, metric in METRIC.items():
        steps = rows[(rows["task"] == group) & (rows["metric"] == metric)].groupby("step")["value"]
        columns[group] = steps.mean()
        if steps.ngroups:
            counts = steps.size()
    frame = pd.DataFrame(columns).assign(runs=counts)
    frame.loc[0, "runs"] = runs
    return frame[frame["runs"].notna()].astype({"runs": int}).rename_axis("step").reset_index()


def gain_by_run(selections: pd.DataFrame, trajectories: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """One row per run: steps done, whether it diverged, distances at the last scored step, and per group and policy the chosen step
    and the gain.
    """
    import pandas as pd

    frame = pd.DataFrame(list(study.runs), columns=list(RUN))
    frame.insert(0, "series", [series(study, run["model"], run["method"], run["corpus"]) for run in study.runs])
    ends = trajectories.groupby("run", sort=False).agg(steps=("step", "max"), diverged=("diverged", "any"))
    norms = up_to_last_scored(trajectories, study).groupby("run", sort=False)[["distance", "trained_distance"]].last()
    frame = frame.join(ends, on="run").join(norms, on="run")
    for group in study.groups:
        for policy in policy_names():
            rows = selections[(selections["group"] == group) & (selections["policy"] == policy)].set_index("run")
            frame[f"{group}_step_{policy}"] = frame["run"].map(rows["step"])
            frame[f"{group}_gain_{policy}"] = frame["run"].map(rows["gain"])
    return frame


def pretraining(study: StudyIndex) -> pd.DataFrame:
    """The loss curves of the models trained here behind a column ``model``; only that column where there are none."""
    import pandas as pd

    paths = {model: Path(study.plan["models"][model]["folder"]) / CURVE for model in study.models}
    curves = {model: pd.read_csv(path) for model, path in paths.items() if path.exists()}
    return pd.concat(curves, names=["model"]).reset_index("model") if curves else pd.DataFrame(columns=["model"])
