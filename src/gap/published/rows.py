"""The released rows as the analyses use them: gains against the right unmodified row, selections, one value per run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gap.published.read import CORPORA, GROUPS, MODELS, RUN, Published
from gap.stats.intervals import Interval, wilson

#: Key and title of all corpora together.
ALL = "all"
#: Scores closer than this are equal: a mean of eight tasks changes by at least 1 / (8 * 320) when an answer does.
SAME = 1e-9
#: The order in which the groups are shown: the paper's Figure 1 is of dialogue.
ORDER = ("dialogue", "classification")


def tasks_of(group: str) -> list[str]:
    """Our names of a group's tasks, in the order of the authors' file."""
    return list(GROUPS[group].values())


def baseline(data: Published, group: str, model: str, column: str = "mean") -> float:
    """The unmodified model's score in ``column``, a task or ``mean``; the commonest of its epoch-0 rows."""
    return float(data.baselines[group][column].to_dict()[model])


def unmodified(data: Published, group: str) -> pd.DataFrame:
    """Unmodified scores of the rows of each model and corpus: index (model, corpus), columns tasks and ``mean``.

    The commonest epoch-0 row of that corpus where it has one, else the model's commonest.  One model's rows need not agree
    between corpora (the runs were not all made on one set-up), and a run is compared with its own set-up.
    """
    frame, tasks = data.rows[group], tasks_of(group)
    commonest = {}
    for model, corpus in frame[["model", "corpus"]].drop_duplicates().itertuples(index=False):
        rows = frame[(frame["model"] == model) & (frame["corpus"] == corpus) & (frame["epoch"] == 0)]
        scores = rows[tasks].value_counts().index[0] if len(rows) else data.baselines[group].loc[model, tasks]
        commonest[model, corpus] = dict(zip(tasks, scores, strict=True))
    table = pd.DataFrame.from_dict(commonest, orient="index")[tasks]
    table["mean"] = table.mean(axis=1)
    return table


def gains(data: Published, group: str) -> pd.DataFrame:
    """The rows with ``base`` (unmodified score of their model and corpus) and ``gain`` against it; all fractions."""
    frame = data.rows[group].copy()
    keys = list(zip(frame["model"], frame["corpus"], strict=True))
    frame["base"] = unmodified(data, group)["mean"].loc[keys].to_numpy()
    frame["gain"] = frame["mean"] - frame["base"]
    return frame


def changes(data: Published, group: str) -> pd.DataFrame:
    """Model, corpus, index and each task's change against the unmodified score of the row's model and corpus."""
    frame, tasks = data.rows[group], tasks_of(group)
    keys = list(zip(frame["model"], frame["corpus"], strict=True))
    return frame[[*RUN]].join(frame[tasks] - unmodified(data, group)[tasks].loc[keys].to_numpy())


def rows_of(frame: pd.DataFrame, model: str, corpus: str = ALL) -> pd.DataFrame:
    """The rows of a model, and of one corpus or of all."""
    rows = frame[frame["model"] == model]
    return rows if corpus == ALL else rows[rows["corpus"] == corpus]


def corpora(frame: pd.DataFrame) -> list[str]:
    """The corpora that occur, by falling familiarity."""
    return [corpus for corpus in CORPORA if (frame["corpus"] == corpus).any()]


def models(frame: pd.DataFrame) -> list[str]:
    """The models that occur, small to large."""
    return [model for model in MODELS if (frame["model"] == model).any()]


def clusters(frame: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Label of each row's run: repeats of one run share it."""
    return list(frame[[*RUN]].itertuples(index=False, name=None))


def per_run(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """One row per run: the mean of its repeats in ``columns``, in order of first appearance."""
    return frame.groupby([*RUN], sort=False)[columns].mean().reset_index()


def share_of_runs(frame: pd.DataFrame, flags: np.ndarray, level: float) -> tuple[float, Interval]:
    """Share of rows with the flag, bool [rows], and Wilson's interval over runs (a run's repeats count as one, by their mean)."""
    runs = per_run(frame.assign(flag=flags.astype(float)), ["flag"])["flag"]
    return (float(flags.mean()) if len(flags) else float("nan")), wilson(float(runs.mean()), len(runs), level)
