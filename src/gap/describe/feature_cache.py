"""The feature values of a job's texts: read from finished files and the journal, and added value by value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gap.core.tables import TABLES
from gap.describe.features import COSINE, FEATURES
from gap.params.describe import DescribeJob, GradientTask
from gap.runtime.journal import Journal

if TYPE_CHECKING:
    import pandas as pd

TABLE = "text_features"
#: What a value is: feature, task, digest of the task's items.
FeatureKey = tuple[str, str, str]
#: The features that need no task.
TEXT_KEYS: list[FeatureKey] = [(feature, "", "") for feature in FEATURES]


def cosine_key(task: GradientTask) -> FeatureKey:
    """The cosine with a task's gradient."""
    return COSINE, task.task, task.basis


class FeatureCache:
    """The values of each text of ``job`` so far; ``weights`` is the digest of the model's."""

    def __init__(self, job: DescribeJob, journal: Journal, weights: str) -> None:
        self.job, self.journal, self.weights = job, journal, weights
        self.values: list[dict[FeatureKey, float]] = [{} for _ in job.texts]
        self.keys = [*TEXT_KEYS, *map(cosine_key, job.tasks)]
        numbers = {text.id: number for number, text in enumerate(job.texts)}
        frames = [*journal.siblings(), *(rows for text in job.texts if (rows := journal.get(text.id)) is not None)]
        for rows in frames:
            for name, *key, value in zip(*(rows[column] for column in ("id", "feature", "task", "basis", "value")), strict=True):
                if tuple(key) in self.keys:
                    self.values[numbers[name]][tuple(key)] = value

    def lacks(self, text: int, keys: Iterable[FeatureKey]) -> bool:
        """Whether one of these values of text number ``text`` of the job is still to be computed."""
        return any(key not in self.values[text] for key in keys)

    def add(self, text: int, values: dict[FeatureKey, float]) -> None:
        """Keep values of a text, in the journal too."""
        self.values[text] |= values
        self.journal.add(self.job.texts[text].id, self._rows(text))

    def finish(self, **facts: Any) -> None:
        """Write the table, texts and features in the order of the job, and its record with ``facts``."""
        import pandas as pd

        rows = pd.concat([self._rows(number) for number in range(len(self.values))], ignore_index=True)
        self.journal.finish(rows, "describe", self.job.model_dump(mode="json"), weights=self.weights, **facts)

    def _rows(self, number: int) -> pd.DataFrame:
        """The rows of one text as far as they are known; a feature that the text does not have is NaN."""
        import pandas as pd

        text = self.job.texts[number]
        names = {"model": self.job.model, "corpus": text.corpus, "text": text.text, "id": text.id, "weights": self.weights}
        values = self.values[number]
        rows = [
            names | {"feature": feature, "task": task, "basis": basis, "value": float(values[feature, task, basis])}
            for feature, task, basis in self.keys
            if (feature, task, basis) in values
        ]
        return pd.DataFrame(rows, columns=list(TABLES[TABLE]))
