"""From item scores to one value per run, step, task and split, file by file.

A study of the paper's size has some 50 million item rows; no more than one file of them is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.study_index import BASE, METRIC, StudyIndex
from gap.core.errors import BadInput
from gap.core.progress import progress
from gap.core.tables import read_table
from gap.params.steps import scored_steps

if TYPE_CHECKING:
    import pandas as pd

KEY = ["model", "task", "split", "run", "step"]
#: Values of the columns ``KEY``.
ScoreKey = tuple[str, str, str, str, int]
CURE = "Remove that file of scores and run again."
VALUES = {"classification": ["correct"], "dialogue": ["f1", "nll", "tokens"]}


def read_scores(study: StudyIndex, last: dict[str, int]) -> pd.DataFrame:
    """Columns model, run, step, task, split, metric, value, items for all that is planned.

    ``last`` maps each run to its last real step: later steps of a file are left out, as are steps that are not to be scored,
    items beyond the planned number and runs that are not planned.  ``value`` is a mean over items (fraction correct, F1 as a fraction) or, for
    ``nll``, summed NLL over summed tokens (nats per token).

    Raises
    ------
    BadInput: something planned is missing or scored twice, or a file holds another model or task.
    """
    import pandas as pd

    planned = {
        model: {BASE: [0]} | {run["run"]: scored_steps(study.steps, last[run["run"]]) for run in study.runs_of(model)}
        for model in study.models
    }
    parts = []
    with progress("aggregate", len(study.plan["scores"])) as shown:
        for entry in study.plan["scores"]:
            parts.append(_summarise(entry, study, planned[entry["model"]]))
            shown.step(note=entry["task"])
    means = pd.concat(parts, ignore_index=True)
    _check_complete(means, study, planned)
    return _long(means, study)


def _summarise(entry: dict[str, Any], study: StudyIndex, planned: dict[str, list[int]]) -> pd.DataFrame:
    """One row per run and step of one file, of those ``planned``: means, number of items, largest item index."""
    last = {run: max(steps, default=-1) for run, steps in planned.items()}
    group = study.task_entries[entry["task"]].group
    rows = read_table(Path(entry["path"]), "item_scores", columns=[*KEY, "item", *VALUES[group]])
    for column in ("model", "task"):
        foreign = set(rows[column].unique()) - {entry[column]}
        if foreign:
            raise BadInput(f"{entry['path']}, column {column}", f"{min(foreign)!r}", f"one of {[entry[column]]}", CURE)
    rows = planned_rows(study, rows, entry["split"], last)
    return _means(rows.sort_values(["run", "step", "item"], kind="stable"), entry, group)


def planned_rows(study: StudyIndex, rows: pd.DataFrame, split: str, last: Mapping[str, int]) -> pd.DataFrame:
    """Of the rows of a file of scores those of a split that the study plans: its items, its steps, and of each run those up to its ``last``."""
    rows = rows[(rows["split"] == split) & (rows["item"] < study.items) & (rows["step"] <= rows["run"].map(last))]
    return rows[rows["step"].isin([0, *study.steps])] if study.steps else rows


def _means(rows: pd.DataFrame, entry: dict[str, Any], group: str) -> pd.DataFrame:
    """Means over consecutive rows of equal run and step; a NaN stays one (pandas' own sums would skip it)."""
    import pandas as pd

    run, step, item = rows["run"].to_numpy(dtype=object), rows["step"].to_numpy(), rows["item"].to_numpy()
    if not len(rows):
        return pd.DataFrame()
    new = np.r_[True, (run[1:] != run[:-1]) | (step[1:] != step[:-1])]
    twice = ~new[1:] & (item[1:] == item[:-1])
    if twice.any():
        at = int(np.flatnonzero(twice)[0])
        raise BadInput(entry["path"], f"item {item[at]} of run {run[at]}, step {step[at]} twice", "each item once", CURE)
    starts = np.flatnonzero(new)
    count = np.diff(np.r_[starts, len(rows)])
    total = {name: np.add.reduceat(rows[name].to_numpy(dtype=float), starts) for name in VALUES[group]}
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {METRIC[group]: total[VALUES[group][0]] / count}
        if "nll" in total:
            values["nll"] = total["nll"] / total["tokens"]
    frame = pd.DataFrame({"run": run[starts], "step": step[starts], **values, "items": count, "highest": np.maximum.reduceat(item, starts)})
    if frame[METRIC[group]].isna().any():
        raise BadInput(f"{entry['path']}, column {VALUES[group][0]}", "NaN", "a number for every item", CURE)
    return frame.assign(model=entry["model"], task=entry["task"], split=entry["split"])


def _check_complete(means: pd.DataFrame, study: StudyIndex, planned: dict[str, dict[str, list[int]]]) -> None:
    """Every planned score once, on the same items as the unmodified model of the same name."""
    counts: dict[ScoreKey, tuple[int, int]] = {}
    for *key, items, highest in means[[*KEY, "items", "highest"]].itertuples(index=False, name=None):
        if tuple(key) in counts:
            raise BadInput(_named(*key), "scores in two files", "one file per run", CURE)
        counts[tuple(key)] = (items, highest)
    parts = {(run["model"], run["run"]): f" (corpus {run['corpus']}, text {run['text']})" for run in study.runs}
    for model, task, split, run, step in _expected(study, planned):
        where = _named(model, task, split, run, step) + parts.get((model, run), "")
        if (model, task, split, run, step) not in counts:
            raise BadInput(where, "no scores", "scores of all that is planned", "Run the workflow again: it computes what is missing.")
        items, highest = counts[model, task, split, run, step]
        base, _ = counts[model, task, split, BASE, 0]  # comes first
        if items != highest + 1 or items != base:
            raise BadInput(where, f"{items} items up to number {highest}", f"the items 0 to {base - 1} of the unmodified model", CURE)


def _expected(study: StudyIndex, planned: dict[str, dict[str, list[int]]]) -> Iterator[ScoreKey]:
    for task, splits in study.splits.items():
        for split, (model, runs) in product(splits, planned.items()):
            for run, steps in runs.items():
                for step in steps:
                    yield model, task, split, run, step


def _named(model: str, task: str, split: str, run: str, step: int) -> str:
    return f"scores of model {model}, task {task} ({split}), run {run}, step {step}"


def _long(means: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """One row per metric that a task has."""
    metrics = [metric for metric in ("acc", "f1", "nll") if metric in means]
    rows = means.melt([*KEY, "items"], metrics, "metric", "value")
    groups = rows["task"].map({name: entry.group for name, entry in study.task_entries.items()})
    return rows[(rows["metric"] == "acc") == (groups == "classification")]
