"""What is known of a job's texts: taken over from finished files and the journal, and added value by value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gap.core.tables import TABLES
from gap.describe.features import COSINE, FEATURES
from gap.params.jobs import DescribeJob, GradientTask
from gap.runtime.journal import Journal

if TYPE_CHECKING:
    import pandas as pd

TABLE = "text_features"
#: What a value is: feature, task, digest of the task's items.
Cell = tuple[str, str, str]
OWN: list[Cell] = [(feature, "", "") for feature in FEATURES]


def cell(task: GradientTask) -> Cell:
    """The cosine with a task's gradient."""
    return COSINE, task.task, task.basis


class FeatureCache:
    """The values of each text of ``job`` so far; those of another model's ``weights`` are left alone."""

    def __init__(self, job: DescribeJob, journal: Journal, weights: str) -> None:
        self.job, self.journal, self.weights = job, journal, weights
        self.values: list[dict[Cell, float]] = [{} for _ in job.texts]
        wanted = {*OWN, *map(cell, job.tasks)}
        places = {text.id: place for place, text in enumerate(job.texts)}
        frames = [*journal.siblings(list(places)), *(rows for text in job.texts if (rows := journal.get(text.id)) is not None)]
        for rows in frames:
            own = rows[rows["weights"] == weights]
            for name, feature, task, basis, value in zip(*(own[key] for key in ("id", "feature", "task", "basis", "value")), strict=True):
                if (feature, task, basis) in wanted:
                    self.values[places[name]][feature, task, basis] = value

    def lacks(self, place: int, cells: Iterable[Cell]) -> bool:
        """Whether one of these values of the text at ``place`` is still to be computed."""
        return any(one not in self.values[place] for one in cells)

    def add(self, place: int, found: dict[Cell, float]) -> None:
        """Keep values of the text at ``place``, in the journal too."""
        self.values[place] |= found
        self.journal.add(self.job.texts[place].id, self._rows(place))

    def finish(self) -> None:
        """Write the table, texts and features in the order of the job."""
        import pandas as pd

        self.journal.finish(pd.concat([self._rows(place) for place in range(len(self.values))], ignore_index=True))

    def _rows(self, place: int) -> pd.DataFrame:
        """The rows of one text as far as they are known; a feature that the text does not have is NaN."""
        import pandas as pd

        text = self.job.texts[place]
        names = {"model": self.job.model, "corpus": text.corpus, "text": text.text, "id": text.id, "weights": self.weights}
        own = self.values[place]
        rows = [
            names | {"feature": feature, "task": task, "basis": basis, "value": float(own[feature, task, basis])}
            for feature, task, basis in [*OWN, *map(cell, self.job.tasks)]
            if (feature, task, basis) in own
        ]
        return pd.DataFrame(rows, columns=list(TABLES[TABLE]))
