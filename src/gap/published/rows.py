"""The released rows as the analyses use them: gains against the right unmodified row, selections, one value per run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from gap.published.names import CORPORA, GROUPS, MODELS, RUN, TASKS
from gap.published.read import Published

#: Key and title of all corpora together.
ALL = "all"
#: Scores closer than this are equal: a mean of eight tasks changes by at least 1 / (8 * 320) when an answer does.
SAME = 1e-9
#: The order in which the groups are shown: the paper's Figure 1 is of dialogue.
ORDER = ("dialogue", "classification")
#: The authors' stop (trackers.py, run.py): epochs are printed from 0 to 14; from epoch 5 on, an evaluation at which both
#: averages lie below their maximum so far counts against the run, and the second such evaluation ends it.
LAST_EPOCH, STOP_FROM, PATIENCE = 14, 5, 2
#: Updates that every run skipped (see ``audit.first_update``), and the printed epoch of the first real update: printed epoch e
#: comes after e + 1 attempted updates.
SKIPPED = 2
FIRST_REAL = SKIPPED


def real_updates(epoch: int) -> int:
    """Updates that changed the model by printed epoch: none at 0 and 1, then one less than the epoch."""
    return max(0, epoch + 1 - SKIPPED)


def by_epoch(rows: pd.DataFrame, largest: int) -> dict[str, int]:
    """Rows by best epoch, from 0 to ``largest``."""
    return {str(epoch): int((rows["epoch"] == epoch).sum()) for epoch in range(largest + 1)}


def tasks_of(group: str) -> list[str]:
    """Our names of a group's tasks, in the order of the authors' file."""
    return list(GROUPS[group])


def items_of(group: str) -> np.ndarray:
    """Items of each of a group's tasks, int [tasks]."""
    return np.array([TASKS[task].items for task in GROUPS[group]])


def baseline(data: Published, group: str, model: str, column: str = "mean") -> float:
    """The unmodified model's score in ``column``, a task or ``mean``; the commonest of its epoch-0 rows."""
    return float(data.baselines[group][column].to_dict()[model])


def unmodified_by_row(data: Published, group: str) -> pd.DataFrame:
    """The unmodified scores that each row is compared with, in the rows' order and with their index."""
    frame = data.rows[group]
    return data.unmodified[group].loc[list(zip(frame["model"], frame["corpus"], strict=True))].set_axis(frame.index)


def gains(data: Published, group: str) -> pd.DataFrame:
    """The rows with ``base`` (unmodified score of their model and corpus) and ``gain`` against it; all fractions."""
    frame, base = data.rows[group], unmodified_by_row(data, group)["mean"]
    return frame.assign(base=base, gain=frame["mean"] - base)


def matched_gains(data: Published) -> tuple[pd.DataFrame, dict[str, int]]:
    """One row per run that is in both files, sorted: model, corpus, index and by group the gain (fraction), repeats averaged.

    Also the number of runs that are in one file only, by group.
    """
    first, second = (per_run(gains(data, group), ["gain"]).rename(columns={"gain": group}) for group in GROUPS)
    joined = first.merge(second, on=[*RUN], how="outer", indicator=True, validate="one_to_one")
    sides = dict(zip(("left_only", "right_only"), GROUPS, strict=True))
    alone = {group: int((joined["_merge"] == side).sum()) for side, group in sides.items()}
    return joined[joined["_merge"] == "both"].drop(columns="_merge").reset_index(drop=True), alone


def changes(data: Published, group: str) -> pd.DataFrame:
    """Model, corpus, index and each task's change against the unmodified score of the row's model and corpus."""
    frame, tasks = data.rows[group], tasks_of(group)
    return frame[[*RUN]].join(frame[tasks] - unmodified_by_row(data, group)[tasks])


def rows_of(frame: pd.DataFrame, model: str, corpus: str = ALL) -> pd.DataFrame:
    """The rows of a model, and of one corpus or of all."""
    rows = frame[frame["model"] == model]
    return rows if corpus == ALL else rows[rows["corpus"] == corpus]


def models(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each model that occurs, small to large."""
    return _parts(frame, "model", MODELS)


def corpora(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each corpus that occurs, by falling familiarity."""
    return _parts(frame, "corpus", CORPORA)


def _parts(frame: pd.DataFrame, column: str, order: Iterable[str]) -> dict[str, pd.DataFrame]:
    parts = {value: frame[frame[column] == value] for value in order}
    return {value: rows for value, rows in parts.items() if len(rows)}


def clusters(frame: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Label of each row's run: repeats of one run share it."""
    return list(frame[[*RUN]].itertuples(index=False, name=None))


def per_run(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """One row per run: the mean of its repeats in ``columns``, in order of first appearance."""
    return frame.groupby([*RUN], sort=False)[columns].mean().reset_index()
