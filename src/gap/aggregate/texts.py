"""The planned texts: table ``texts``, and table ``text_features``, the texts as the base models see them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gap.aggregate.study_index import StudyIndex, retained_by, texts_of
from gap.core.errors import BadInput
from gap.core.tables import TABLES, read_table
from gap.describe.features import COSINE, FEATURES

if TYPE_CHECKING:
    import pandas as pd

TEXT = ["model", "corpus", "text"]


def read_texts(study: StudyIndex) -> pd.DataFrame:
    """Texts of all corpora, corpus by corpus; a corpus cut by two tokenizers contributes each different text once.

    Raises
    ------
    BadInput: a text that a run needs is not in its corpus.
    """
    import pandas as pd

    parts = []
    for entry in study.plan["corpora"]:
        rows = read_table(Path(entry["path"]), "texts")
        runs = [run for run in study.runs if run["model"] in entry["models"]]
        planned = {text for run in runs if run["corpus"] == entry["name"] for text in texts_of(run)}
        planned |= {text for run in runs for text in retained_by(run, entry["name"])}
        missing = planned - set(rows["text"])
        if missing:
            where = f"{entry['path']} (corpus {entry['name']})"
            raise BadInput(where, f"no text {min(missing)}", f"the texts 0 to {max(planned)}", "Remove the file and run again.")
        parts.append(rows[rows["text"].isin(planned)].sort_values("text", kind="stable"))
    return pd.concat(parts, ignore_index=True).drop_duplicates(["corpus", "text", "hash"], ignore_index=True)


def read_features(study: StudyIndex) -> pd.DataFrame:
    """Features of the planned texts, text by text in the order of the plan; group means behind the cosines they are made of.

    Raises
    ------
    BadInput: a text, one of its features, or its cosine with a task is missing or stands there twice.
    """
    import pandas as pd

    rows = pd.concat([read_table(Path(path), "text_features") for path in study.plan["features"]], ignore_index=True)
    # several methods share a text
    planned = list(dict.fromkeys((run["model"], run["corpus"], run["text"]) for run in study.runs))
    rows = rows.merge(pd.DataFrame(planned, columns=TEXT).assign(position=range(len(planned))), on=TEXT)
    _check(rows, study, planned)
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


def _check(rows: pd.DataFrame, study: StudyIndex, planned: list[tuple[str, str, int]]) -> None:
    cosines = study.tasks("all") if (rows["feature"] == COSINE).any() else []
    expected = sorted([*((feature, "") for feature in FEATURES), *((COSINE, task) for task in cosines)])
    by_text = {index: list(zip(part["feature"], part["task"], strict=True)) for index, part in rows.groupby("position")}
    for index, (model, corpus, text) in enumerate(planned):
        features = by_text.get(index, [])
        if sorted(features) != expected:
            lacking = sorted(set(expected) - set(features))
            named = f"no {' '.join(lacking[0]).strip()}" if lacking else "a value that stands there twice or is not planned"
            raise BadInput(
                f"features of model {model}, corpus {corpus}, text {text}",
                named,
                f"each of {[*FEATURES, *([COSINE] if cosines else [])]} once",
                "Remove the model's files under features/ and run again.",
            )
