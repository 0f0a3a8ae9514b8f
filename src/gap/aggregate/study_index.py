"""What the later stages need to know of plan.json, read once and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import read_json

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

    ``models`` and ``corpora`` map names to labels, in the order of the figures, subjects before references (plan.json
    sorts the keys of mappings, so the order of the models is that of its list ``scores``); ``splits`` maps each task to
    the splits it is scored on; ``split`` is the first of the study; ``methods`` map names to labels, the study's own
    first; ``updates_of`` is the number of updates that a method tries; ``task_entries`` hold each task's label, group, metric and chance; ``updates`` and ``texts`` are those of the study's own method;
    ``runs`` are the plan's entries (model, method, corpus, text, run, members).
    """

    name: str
    title: str
    digest: str
    models: dict[str, str]
    subjects: tuple[str, ...]
    references: tuple[str, ...]
    corpora: dict[str, str]
    task_entries: dict[str, TaskEntry]
    splits: dict[str, tuple[str, ...]]
    split: str
    methods: dict[str, str]
    updates_of: dict[str, int]
    updates: int
    texts: int
    items: int
    seed: int
    runs: tuple[dict[str, Any], ...]
    plan: dict[str, Any]

    def path(self, name: str) -> Path:
        """A light output by its name in plan.json."""
        return Path(self.plan["light"][name])

    def tasks(self, group: str, split: str | None = None) -> list[str]:
        """Tasks of ``group`` (all groups: ``all``) that are scored on ``split`` (the first split when None), in order."""
        name = split or self.split
        return [task for task, splits in self.splits.items() if name in splits and group in (ALL, self.task_entries[task].group)]

    @property
    def groups(self) -> list[str]:
        """The task groups that the first split has."""
        return [group for group in GROUPS if self.tasks(group)]

    @property
    def primary(self) -> str:
        """The study's own method: the one that figures show where they show one."""
        return next(iter(self.methods))

    def runs_of(self, model: str, method: str | None = None) -> list[dict[str, Any]]:
        """The planned runs of a model, of one method or of all."""
        return [run for run in self.runs if run["model"] == model and method in (None, run["method"])]


def read_plan(path: Path) -> dict[str, Any]:
    """The plan of a study.

    Raises
    ------
    BadInput: the file is missing, not JSON, or lacks a part.
    """
    plan = read_json(path)
    study_index(plan, str(path))
    return plan


def study_index(plan: dict[str, Any], where: str = "plan.json") -> StudyIndex:
    """Check ``plan`` and give what later stages need of it.

    Raises
    ------
    BadInput: a part is missing, a task is unknown, nothing is planned, or a run is of a method that the study does not have.
    """
    try:
        study = plan["study"]
        splits = {task: tuple(plan["items"][task]) for task in study["tasks"] if plan["items"].get(task)}
        models = {name: plan["models"][name] for name in _in_order(plan)}
        index = StudyIndex(
            name=study["name"],
            title=study.get("title") or study["name"],
            digest=plan["digest"],
            models={name: entry.get("label") or name for name, entry in models.items()},
            subjects=tuple(name for name, entry in models.items() if entry["role"] == "subject"),
            references=tuple(name for name, entry in models.items() if entry["role"] == "reference"),
            corpora={entry["name"]: entry.get("label") or entry["name"] for entry in plan["corpora"]},
            task_entries={name: TaskEntry(**entry) for name, entry in plan["tasks"].items()},
            splits=splits,
            split=study["evaluate"]["splits"][0],
            methods={entry["name"]: entry["label"] for entry in plan["methods"]},
            updates_of={entry["name"]: entry["updates"] for entry in plan["methods"]},
            updates=plan["methods"][0]["updates"],
            texts=plan["methods"][0]["texts"],
            items=study["evaluate"]["items"],
            seed=study["seed"],
            runs=tuple(plan["runs"]),
            plan=plan,
        )
    except (KeyError, TypeError, IndexError) as error:
        cure = "Let the workflow write plan.json anew."
        raise BadInput(where, f"no usable entry {error}", "the plan of a study", cure) from error
    _check(index, where)
    return index


def _in_order(plan: dict[str, Any]) -> list[str]:
    """Models in the study's order, subjects before references."""
    names = dict.fromkeys(entry["model"] for entry in plan["scores"])
    return sorted(names, key=lambda name: plan["models"][name]["role"] != "subject")


def _check(index: StudyIndex, where: str) -> None:
    unknown = sorted(set(index.splits) - set(index.task_entries))
    if unknown:
        raise BadInput(where, f"the unknown task {unknown[0]!r}", f"one of {list(index.task_entries)}", "Correct `tasks` in params.yaml.")
    if not index.groups:
        raise BadInput(where, f"no task with the split {index.split!r}", "at least one", "Name one that a task has in `evaluate.splits`.")
    if ALL in index.corpora:
        raise BadInput(where, f"a corpus named {ALL!r}", "any other name", "Rename it: this name stands for all corpora together.")
    unknown = sorted({run["method"] for run in index.runs} - set(index.methods))
    if unknown:
        raise BadInput(
            where, f"runs of the method {unknown[0]!r}", f"one of {list(index.methods)}", "Let the workflow write plan.json anew."
        )
