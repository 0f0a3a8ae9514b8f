"""What the later stages need to know of plan.json, read once and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput

PLAN = "plan.json"
CURE = "Let the workflow write plan.json anew."
BASE = "base"
GROUPS = ("dialogue", "classification")
METRIC = {"classification": "acc", "dialogue": "f1"}
ALL = "all"
#: Value of column ``task`` in rows of the estimates about a group's average.
AVERAGE = "average"
#: Columns that name a row of the estimates.
ESTIMATE_KEYS = ["model", "method", "corpus", "group", "task", "policy"]


@dataclass(frozen=True)
class TaskEntry:
    """A task as plan.json describes it; ``chance`` is the fraction right by guessing, 0 for dialogue."""

    label: str
    group: str
    metric: str
    chance: float


@dataclass(frozen=True)
class StudyIndex:
    """A study as its results are counted.

    ``subjects``, ``references``, ``corpora`` and ``methods`` map names to labels, in the order of the figures, the
    study's own method first (plan.json sorts the keys of mappings, so the order of the models is that of its list
    ``scores``).  ``splits`` maps each task to the splits it is scored on, ``split`` is the first of the study.
    ``updates_of`` is the number of updates that a method tries; ``updates`` and ``texts`` are those of the study's own
    method.  ``steps`` are the ones that are scored, all where empty.  ``runs`` are the plan's entries (model, method, corpus, text, run, members, retained).
    """

    name: str
    title: str
    digest: str
    subjects: dict[str, str]
    references: dict[str, str]
    corpora: dict[str, str]
    task_entries: dict[str, TaskEntry]
    splits: dict[str, tuple[str, ...]]
    split: str
    methods: dict[str, str]
    updates_of: dict[str, int]
    texts: int
    items: int
    steps: tuple[int, ...]
    seed: int
    runs: tuple[dict[str, Any], ...]
    plan: dict[str, Any]

    def path(self, name: str) -> Path:
        """A light output by its name in plan.json."""
        return Path(self.plan["light"][name])

    def tasks(self, group: str) -> list[str]:
        """Tasks of ``group`` (all groups: ``all``) that are scored on the first split, in order."""
        return [task for task, splits in self.splits.items() if self.split in splits and group in (ALL, self.task_entries[task].group)]

    @property
    def models(self) -> dict[str, str]:
        """All models, subjects before references."""
        return self.subjects | self.references

    @property
    def groups(self) -> list[str]:
        """The task groups that the first split has."""
        return [group for group in GROUPS if self.tasks(group)]

    @property
    def primary(self) -> str:
        """The study's own method: the one that figures show where they show one."""
        return next(iter(self.methods))

    @property
    def updates(self) -> int:
        """How many updates the study's own method tries."""
        return self.updates_of[self.primary]

    def runs_of(self, model: str, method: str | None = None) -> list[dict[str, Any]]:
        """The planned runs of a model, of one method or of all."""
        return [run for run in self.runs if run["model"] == model and method in (None, run["method"])]

    def methods_of(self, model: str) -> dict[str, str]:
        """Names and labels of the methods by which a model has runs, in the order of ``methods``."""
        used = {run["method"] for run in self.runs_of(model)}
        return {name: label for name, label in self.methods.items() if name in used}


def texts_of(run: dict[str, Any]) -> list[int]:
    """Indices of all texts of a planned run: of each run that is combined, of each update."""
    return [text for update in run.get("members") or [[run["text"]]] for text in update]


def retained_by(run: dict[str, Any], corpus: str) -> list[int]:
    """Indices of the texts of a corpus that a planned run retains; none but under direction ``retain``."""
    retained = run.get("retained") or {"corpus": None, "texts": []}
    return [text for update in retained["texts"] for text in update if retained["corpus"] == corpus]


def study_index(plan: dict[str, Any]) -> StudyIndex:
    """Check ``plan`` and give what later stages need of it.

    Raises
    ------
    BadInput: a part is missing, a task is unknown, nothing is planned, or a run is of a method that the study does not have.
    """
    try:
        study = plan["study"]
        splits = {task: tuple(plan["items"][task]) for task in study["tasks"] if plan["items"].get(task)}
        labels: dict[str, dict[str, str]] = {"subject": {}, "reference": {}}
        for name in dict.fromkeys(entry["model"] for entry in plan["scores"]):
            labels[plan["models"][name]["role"]][name] = plan["models"][name].get("label") or name
        index = StudyIndex(
            name=study["name"],
            title=study.get("title") or study["name"],
            digest=plan["digest"],
            subjects=labels["subject"],
            references=labels["reference"],
            corpora={entry["name"]: entry.get("label") or entry["name"] for entry in plan["corpora"]},
            task_entries={name: TaskEntry(**entry) for name, entry in plan["tasks"].items()},
            splits=splits,
            split=study["evaluate"]["splits"][0],
            methods={entry["name"]: entry["label"] for entry in plan["methods"]},
            updates_of={entry["name"]: entry["updates"] for entry in plan["methods"]},
            texts=plan["methods"][0]["texts"],
            items=study["evaluate"]["items"],
            steps=tuple(study["evaluate"].get("steps", ())),
            seed=study["seed"],
            runs=tuple(plan["runs"]),
            plan=plan,
        )
    except (KeyError, TypeError, IndexError) as error:
        raise BadInput(PLAN, f"no usable entry {error}", "the plan of a study", CURE) from error
    _check(index)
    return index


def _check(index: StudyIndex) -> None:
    unknown = sorted(set(index.splits) - set(index.task_entries))
    if unknown:
        raise BadInput(PLAN, f"the unknown task {unknown[0]!r}", f"one of {list(index.task_entries)}", "Correct `tasks` in params.yaml.")
    if not index.groups:
        raise BadInput(PLAN, f"no task with the split {index.split!r}", "at least one", "Name one that a task has in `evaluate.splits`.")
    if ALL in index.corpora:
        raise BadInput(PLAN, f"a corpus named {ALL!r}", "any other name", "Rename it: this name stands for all corpora together.")
    unknown = sorted({run["method"] for run in index.runs} - set(index.methods))
    if unknown:
        raise BadInput(PLAN, f"runs of the method {unknown[0]!r}", f"one of {list(index.methods)}", CURE)
