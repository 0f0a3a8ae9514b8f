"""The planned part of the trajectories: which runs, how far they went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gap.aggregate.study_index import StudyIndex
from gap.core.errors import BadInput
from gap.core.tables import read_table
from gap.params.steps import scored_steps

if TYPE_CHECKING:
    import pandas as pd


def read_trajectories(study: StudyIndex) -> pd.DataFrame:
    """Rows of the planned runs up to the updates that their method tries, ordered as planned.

    Raises
    ------
    BadInput: a planned run is missing, lacks updates, or stands in two files.
    """
    import pandas as pd

    order = {run["run"]: index for index, run in enumerate(study.runs)}
    parts = []
    for path in study.plan["trajectories"]:
        rows = read_table(Path(path), "trajectories")
        parts.append(rows[rows["run"].isin(order) & (rows["epoch"] <= rows["method"].map(study.updates_of))])
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(run_index=rows["run"].map(order)).sort_values(["run_index", "epoch"], kind="stable", ignore_index=True)
    _check(rows, study)
    return rows.drop(columns="run_index")


def _check(rows: pd.DataFrame, study: StudyIndex) -> None:
    """Each run has the updates 0, 1, ... up to the last planned one, or to the one at which it diverged."""
    summaries = rows.groupby("run_index").agg(
        rows=("epoch", "size"), first=("epoch", "min"), last=("epoch", "max"), distinct=("epoch", "nunique"), diverged=("diverged", "any")
    )
    for index, run in enumerate(study.runs):
        updates = study.updates_of[run["method"]]
        where = f"trajectory of model {run['model']}, method {run['method']}, corpus {run['corpus']}, text {run['text']} (run {run['run']})"
        allowed, cure = f"one row for each of the updates 0 to {updates}", "Remove the shard's file under runs/ and run again."
        if index not in summaries.index:
            raise BadInput(where, "no rows", allowed, cure)
        seen = summaries.loc[index]
        if seen["rows"] != seen["distinct"] or seen["first"] != 0 or seen["distinct"] != seen["last"] + 1:
            raise BadInput(where, f"{seen['rows']} rows from update {seen['first']} to {seen['last']}", allowed, cure)
        if seen["last"] < updates and not seen["diverged"]:
            raise BadInput(where, f"updates up to {seen['last']}", f"{allowed}, unless the run diverges", cure)


def last_steps(rows: pd.DataFrame) -> dict[str, int]:
    """Run -> number of real updates it did."""
    return {str(run): int(step) for run, step in rows.groupby("run", sort=False)["step"].max().items()}


def up_to_last_scored(rows: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """The rows of each run up to its last step that is scored: the last of them is of the weights that policy ``last`` picks."""
    if not study.steps:
        return rows
    last = {run: max(scored_steps(study.steps, step), default=0) for run, step in last_steps(rows).items()}
    return rows[rows["step"] <= rows["run"].map(last)]


def steps_by_epoch(rows: pd.DataFrame) -> dict[str, list[int]]:
    """Run -> the step reached after each tried update; entry 0 is the unmodified model."""
    return {str(run): [int(step) for step in steps] for run, steps in rows.groupby("run", sort=False)["step"]}


def losses_at_steps(rows: pd.DataFrame) -> pd.DataFrame:
    """Loss (nats per token) of a run's text *at* each step: columns model, corpus, run, step, loss.

    A row of the trajectory holds the loss before its update, which is the loss at the step before; so the last step has
    none.
    """
    updates = rows[rows["epoch"] > 0]
    before = updates.assign(step=updates["step"] - updates["real"].astype(int))
    first = before.drop_duplicates(["run", "step"])
    return first[["model", "corpus", "run", "step", "loss"]].reset_index(drop=True)
