"""Table ``texts``: every text that a planned run was post-trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gap.aggregate.study_index import StudyIndex
from gap.core.errors import BadInput
from gap.core.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


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
        runs = [run for run in study.runs if run["corpus"] == entry["name"] and run["model"] in entry["models"]]
        planned = {text for run in runs for update in run.get("members") or [[run["text"]]] for text in update}
        missing = planned - set(rows["text"])
        if missing:
            where = f"{entry['path']} (corpus {entry['name']})"
            raise BadInput(where, f"no text {min(missing)}", f"the texts 0 to {max(planned)}", "Remove the file and run again.")
        parts.append(rows[rows["text"].isin(planned)].sort_values("text", kind="stable"))
    return pd.concat(parts, ignore_index=True).drop_duplicates(["corpus", "text", "hash"], ignore_index=True)
