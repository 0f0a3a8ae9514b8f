"""What figures draw, as data frames: a figure draws its frame and nothing else, and the frame is written beside it as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gap.aggregate.study_index import ALL
from gap.core.tables import TABLES, read_table
from gap.figures.labels import POINTS

if TYPE_CHECKING:
    import pandas as pd

    from gap.figures.data import StudyData

KEYS = ["kind", "group", "policy", "model", "method", "corpus"]


def run_points(data: StudyData, groups: Sequence[str], policies: Sequence[str], methods: Sequence[str] = ()) -> pd.DataFrame:
    """A row per run, group and policy (kind ``run``): ``KEYS``, text, step, value and gain in points; of the study's own method where none is named."""
    import pandas as pd

    study = data.study
    parts = [
        data.chosen(model, group, policy, method=method)
        for group in groups
        for policy in policies
        for model in study.subjects
        for method in methods or (study.primary,)
    ]
    frame = pd.concat(parts, ignore_index=True).assign(kind="run")[[*KEYS, "text", "step", "value", "gain"]]
    return frame.astype({key: object for key in KEYS}).assign(value=frame["value"] * POINTS, gain=frame["gain"] * POINTS)


def mean_points(
    data: StudyData, groups: Sequence[str], policies: Sequence[str], methods: Sequence[str] = (), corpora: Sequence[str] = (ALL,)
) -> pd.DataFrame:
    """A row per cell that has runs (kind ``mean``): ``KEYS``, runs, mean gain with the ends of its interval (NaN for one run); points."""
    import pandas as pd

    study, rows = data.study, []
    for group in groups:
        for policy in policies:
            for model in study.subjects:
                for method in methods or (study.primary,):
                    for corpus in corpora:
                        if row := data.estimate(model, group, policy, corpus, method=method):
                            ends = (float(row[key]) * POINTS for key in ("mean_gain", "low", "high"))
                            rows.append(("mean", group, policy, model, method, corpus, int(row["runs"]), *ends))
    return pd.DataFrame(rows, columns=[*KEYS, "runs", "gain", "low", "high"])


def last_differences(data: StudyData, group: str) -> pd.DataFrame:
    """Rows of table ``effects`` (points, intervals over runs and items) of a group's average at the last step, for which nothing is chosen.

    A row per subject, over the runs of the study's own method on all corpora; none where ``gap estimate`` has not run.
    """
    import pandas as pd

    path = data.study.path("effects")
    effects = read_table(path, "effects") if path.exists() else pd.DataFrame(columns=list(TABLES["effects"]))
    return where(effects, method=data.study.primary, policy="last", task=group, corpus=ALL)


def where(rows: pd.DataFrame, **values: str) -> pd.DataFrame:
    """The rows whose columns have these values."""
    for column, value in values.items():
        rows = rows[rows[column] == value]
    return rows
