"""Table ``text_features``: the planned texts as the base models see them, with the mean cosine of each group of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gap.aggregate.study_index import StudyIndex
from gap.core.errors import BadInput
from gap.core.tables import TABLES, read_table
from gap.describe.features import COSINE, FEATURES

if TYPE_CHECKING:
    import pandas as pd

TEXT = ["model", "corpus", "text"]


def planned_texts(study: StudyIndex) -> list[tuple[str, str, int]]:
    """(model, corpus, index) of every text that a run was made on, in the order of the plan; several methods share a text."""
    return list(dict.fromkeys((run["model"], run["corpus"], run["text"]) for run in study.runs if run["text"] >= 0))


def read_features(study: StudyIndex) -> pd.DataFrame:
    """Features of the planned texts, text by text in the order of the plan; group means behind the cosines they are made of.

    Raises
    ------
    BadInput: a text, one of its features, or its cosine with a task is missing or stands there twice.
    """
    import pandas as pd

    rows = pd.concat([read_table(Path(path), "text_features") for path in study.plan["features"]], ignore_index=True)
    order = {text: index for index, text in enumerate(planned_texts(study))}
    position = pd.Series([order.get(text, -1) for text in zip(*(rows[key] for key in TEXT), strict=True)], index=rows.index, dtype=int)
    rows = rows.assign(position=position)[position >= 0]
    _check(rows, study, order)
    parts = [rows, *(_group_means(rows, study, group) for group in study.groups)]
    whole = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return whole.sort_values("position", kind="stable", ignore_index=True)[list(TABLES["text_features"])]


def _group_means(rows: pd.DataFrame, study: StudyIndex, group: str) -> pd.DataFrame:
    """One row per text: the unweighted mean of its cosines with the group's tasks, NaN where one of them is."""
    cosines = rows[(rows["feature"] == COSINE) & rows["task"].isin(study.tasks(group))]
    if cosines.empty:
        return cosines
    keys = [*TEXT, "position", "id", "weights", "feature"]
    means = cosines.groupby(keys, sort=False)["value"].agg(lambda values: values.mean(skipna=False)).reset_index()
    return means.assign(task=group, basis="")


def _check(rows: pd.DataFrame, study: StudyIndex, order: dict[tuple[str, str, int], int]) -> None:
    cosines = study.tasks("all") if (rows["feature"] == COSINE).any() else []
    expected = {*((feature, "") for feature in FEATURES), *((COSINE, task) for task in cosines)}
    features: dict[int, list[tuple[str, str]]] = {index: [] for index in order.values()}
    for index, feature, task in zip(rows["position"], rows["feature"], rows["task"], strict=True):
        features[index].append((feature, task))
    for (model, corpus, text), index in order.items():
        if len(features[index]) != len(expected) or set(features[index]) != expected:
            lacking = sorted(expected - set(features[index]))
            named = f"no {' '.join(lacking[0]).strip()}" if lacking else "a value that stands there twice or is not planned"
            raise BadInput(
                f"features of model {model}, corpus {corpus}, text {text}",
                named,
                f"each of {[*FEATURES, *([COSINE] if cosines else [])]} once",
                "Remove the model's files under features/ and run again.",
            )
