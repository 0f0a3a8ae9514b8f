"""What the analyses share: gains against the right unmodified row, one value per run, and how numbers are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from gap.figures.data import AXIS_LABEL, POINTS
from gap.figures.table import show
from gap.published.intervals import wilson
from gap.published.read import CORPORA, GROUPS, MODELS, RUN, Published
from gap.published.section import Settings
from gap.stats.intervals import Interval

#: Key and title of all corpora together.
ALL = "all"
#: Scores closer than this are equal: a mean of eight tasks changes by at least 1 / (8 * 320) when an answer does.
SAME = 1e-9
#: The order in which the groups are shown: the paper's Figure 1 is of dialogue.
ORDER = ("dialogue", "classification")


def title(group: str) -> str:
    """ "Dialogue F1" or "Classification accuracy"."""
    return AXIS_LABEL[group][0].upper() + AXIS_LABEL[group][1:]


def tasks_of(group: str) -> list[str]:
    """Our names of a group's tasks, in the order of the authors' file."""
    return list(GROUPS[group].values())


def baseline(data: Published, group: str, model: str, what: str = "mean") -> float:
    """The unmodified model's score on a task, or its ``mean``; the commonest of its epoch-0 rows."""
    return float(data.baselines[group][what].to_dict()[model])


def unmodified(data: Published, group: str) -> pd.DataFrame:
    """Unmodified scores of the rows of each model and corpus: index (model, corpus), columns tasks and ``mean``.

    The commonest epoch-0 row of that corpus where it has one, else the model's commonest.  One model's rows need not agree
    between corpora (the runs were not all made on one set-up), and a run is compared with its own set-up.
    """
    frame, tasks = data.rows[group], tasks_of(group)
    found = {}
    for model, corpus in frame[["model", "corpus"]].drop_duplicates().itertuples(index=False):
        rows = frame[(frame["model"] == model) & (frame["corpus"] == corpus) & (frame["epoch"] == 0)]
        scores = rows[tasks].value_counts().index[0] if len(rows) else data.baselines[group].loc[model, tasks]
        found[model, corpus] = dict(zip(tasks, scores, strict=True))
    made = pd.DataFrame.from_dict(found, orient="index")[tasks]
    made["mean"] = made.mean(axis=1)
    return made


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


def cell(frame: pd.DataFrame, model: str, corpus: str = ALL) -> pd.DataFrame:
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


def share(frame: pd.DataFrame, flags: np.ndarray, how: Settings) -> tuple[float, Interval]:
    """Share of rows with the flag [rows], and Wilson's interval over runs (a run's repeats count as one, by their mean)."""
    runs = per_run(frame.assign(flag=flags.astype(float)), ["flag"])["flag"]
    return (float(flags.mean()) if len(flags) else float("nan")), wilson(float(runs.mean()), len(runs), how.level)


def plain(value: float) -> float | None:
    """A number for JSON: None for NaN."""
    number = float(value)
    return number if number == number else None


def pair(interval: Interval) -> list[float | None]:
    """An interval for JSON."""
    return [plain(interval.low), plain(interval.high)]


def score(value: float) -> str:
    """A fraction in points."""
    return show(value * POINTS, "score")


def change(value: float) -> str:
    """A fraction as a signed change in points."""
    return show(value * POINTS, "change")


def signed(value: float) -> str:
    """A coefficient with its sign."""
    return show(value, "change")


def percent(value: float) -> str:
    """A share in per cent, without the sign."""
    return f"{value * 100:.1f}"


def interval_of(row: dict[str, Any], key: str) -> Interval:
    """The interval that ``pair`` wrote under ``key``_interval."""
    low, high = (float("nan") if value is None else float(value) for value in row[f"{key}_interval"])
    return Interval(low, high)


def span(interval: Interval, write: Callable[[float], str]) -> str:
    """An interval as text; empty where there is none."""
    return f"{write(interval.low)} to {write(interval.high)}" if interval.low == interval.low else ""


def within(interval: Interval, write: Callable[[float], str], how: Settings) -> str:
    """An interval in a sentence."""
    text = span(interval, write)
    return f"{how.level * 100:g} % interval {text}" if text else "no interval"


def p_text(value: float) -> str:
    """A p-value in a sentence."""
    return "p undefined" if value != value else "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def listed(parts: Iterable[str]) -> str:
    """ "a", "a and b", "a, b and c"; "none" for nothing."""
    known = list(parts)
    if not known:
        return "none"
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"
