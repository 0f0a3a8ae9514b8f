"""Item scores as arrays: per model and method one array per task, [runs, steps, items].

A study of the paper's size has 13,500 checkpoints and 4,000 items: 0.2 GiB as float32, read file by file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.scores import CURE, planned_rows
from gap.aggregate.selections import last_scored
from gap.aggregate.study_index import BASE, StudyIndex
from gap.core.errors import BadInput
from gap.core.progress import progress
from gap.core.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

#: Scores are held as points: a right answer is 100, and so is an F1 of 1.
POINTS = 100
VALUE = {"classification": "correct", "dialogue": "f1"}
#: What an answer is, beside its score: the choice, or the response of which the words are counted.
ANSWER = {"classification": "prediction", "dialogue": "response"}


@dataclass(frozen=True)
class Cube:
    """All runs of one model and method.

    Parameters
    ----------
    runs: entries of the plan, in its order.
    steps: int [steps], the scored ones in ascending order; the first is 0, the unmodified model.
    scores: task -> float32 [runs, steps, items], points; NaN at steps that a run did not reach.
    answers: task -> int16 [runs, steps, items], the index of the choice, or the number of words of the response; -1 likewise.
    """

    model: str
    method: str
    runs: tuple[dict[str, Any], ...]
    steps: np.ndarray
    scores: dict[str, np.ndarray]
    answers: dict[str, np.ndarray]

    def differences(self, task: str) -> np.ndarray:
        """Score minus that of the unmodified model, float32 [runs, steps, items]."""
        return self.scores[task] - self.scores[task][:, :1]

    @property
    def reached(self) -> np.ndarray:
        """Which steps each run reached, bool [runs, steps]."""
        return ~np.isnan(next(iter(self.scores.values()))[:, :, 0])

    def positions(self, steps: dict[str, int]) -> np.ndarray:
        """Where the steps of runs stand, int [runs]."""
        return np.searchsorted(self.steps, [steps[run["run"]] for run in self.runs])


Cubes = dict[tuple[str, str], Cube]
#: Model -> task -> scores of the unmodified model, float32 [items], points.
Bases = dict[str, dict[str, np.ndarray]]


def read_cubes(study: StudyIndex, selections: pd.DataFrame) -> tuple[Cubes, Bases]:
    """The cubes of all subjects and methods, and the unmodified models' scores, on the study's first split.

    ``selections`` is the table of that name; it says which step of a run is the last.

    Raises
    ------
    BadInput: the scores of an unmodified model are missing.
    """
    wanted = [entry for entry in study.plan["scores"] if entry["split"] == study.split and entry["task"] in study.tasks("all")]
    filler = _Filler(study, selections)
    with progress("estimate", len(wanted)) as shown:
        for entry in wanted:
            filler.read(entry)
            shown.step(note=entry["task"])
    bases = filler.bases()
    return filler.cubes(bases), bases


class _Filler:
    """Puts the rows of files where they belong."""

    def __init__(self, study: StudyIndex, selections: pd.DataFrame) -> None:
        self.study = study
        self.steps = np.array([0, *(study.steps or range(1, max(study.updates_of.values()) + 1))])
        self.last = {model: last_scored(selections, study, model) for model in study.models}
        self.place = {model: {run["run"]: place for place, run in enumerate(study.runs_of(model))} for model in study.models}
        self.scores: dict[tuple[str, str], np.ndarray] = {}
        self.answers: dict[tuple[str, str], np.ndarray] = {}

    def read(self, entry: dict[str, Any]) -> None:
        """One file; what is not planned is left out."""
        model, task = entry["model"], entry["task"]
        group = self.study.task_entries[task].group
        rows = read_table(Path(entry["path"]), "item_scores", ["run", "step", "split", "item", VALUE[group], ANSWER[group]])
        rows = planned_rows(self.study, rows, entry["split"], self.last[model])
        if rows.empty:
            return
        runs = self.place[model] | {BASE: len(self.place[model])}
        scores, answers = self._arrays(model, task, int(rows["item"].max()) + 1)
        at = rows["run"].map(runs).to_numpy(), np.searchsorted(self.steps, rows["step"]), rows["item"].to_numpy()
        scores[at] = rows[VALUE[group]].to_numpy(dtype=np.float32) * POINTS
        answers[at] = _answers(rows, ANSWER[group])

    def _arrays(self, model: str, task: str, items: int) -> tuple[np.ndarray, np.ndarray]:
        """Those of a model and task, [runs and the unmodified model, steps, items]."""
        shape = (len(self.place[model]) + 1, len(self.steps), items)
        if (model, task) not in self.scores:
            self.scores[model, task] = np.full(shape, np.nan, dtype=np.float32)
            self.answers[model, task] = np.full(shape, -1, dtype=np.int16)
        if self.scores[model, task].shape != shape:
            found = f"{items} items in one file and {self.scores[model, task].shape[2]} in another"
            raise BadInput(f"scores of model {model}, task {task}", found, "the same items in all", CURE)
        return self.scores[model, task], self.answers[model, task]

    def bases(self) -> Bases:
        """Scores at step 0."""
        found: Bases = {model: {} for model in self.study.models}
        for model in self.study.models:
            for task in self.study.tasks("all"):
                values = self.scores.get((model, task))
                if values is None or np.isnan(values[-1, 0]).any():
                    where = f"scores of model {model}, task {task}, unmodified"
                    raise BadInput(where, "missing items", "scores of all that is planned", "Run the workflow again.")
                found[model][task] = values[-1, 0]
        return found

    def cubes(self, bases: Bases) -> Cubes:
        """The runs by method, each with the unmodified model as its step 0."""
        found: Cubes = {}
        for model in self.study.subjects:
            for task in self.study.tasks("all"):
                self.scores[model, task][:-1, 0] = bases[model][task]
                self.answers[model, task][:-1, 0] = self.answers[model, task][-1, 0]
            for method in self.study.methods_of(model):
                runs = self.study.runs_of(model, method)
                at = [self.place[model][run["run"]] for run in runs]
                scores, answers = (
                    {task: arrays[model, task][at] for task in self.study.tasks("all")} for arrays in (self.scores, self.answers)
                )
                found[model, method] = Cube(model, method, tuple(runs), self.steps, scores, answers)
        return found


def _answers(rows: pd.DataFrame, column: str) -> np.ndarray:
    if column == "response":
        return np.array([len(response.split()) for response in rows[column]], dtype=np.int16)
    return rows[column].to_numpy(dtype=np.int16)
