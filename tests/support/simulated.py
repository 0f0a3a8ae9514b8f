"""Item scores drawn at random with known effects, as the estimates read them; no files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gap.aggregate.policies import POLICIES
from gap.aggregate.study_index import StudyIndex, TaskEntry
from gap.core.tables import TABLES
from gap.estimate.cubes import POINTS, Cube
from gap.estimate.samples import Samples
from gap.tasks.registry import TASKS

FOUR = {"piqa": 60, "copa": 40, "blended_skill_talk": 50, "wizard_of_wikipedia": 50}


@dataclass(frozen=True)
class Simulation:
    """How large, and what happens.

    Standard deviations are those of an item's latent score: of the items themselves (1), of what an update does to a run as a whole
    (``run``), to an item in all runs (``item``), and to an item in one run (``cell``).  ``shift``: (corpus, steps [steps]) -> what is
    added to the latent score of all items at each step after the first, 0 for none.  ``level`` is the base models' latent score.
    """

    subjects: tuple[str, ...] = ("tiny",)
    references: tuple[str, ...] = ("huge",)
    corpora: tuple[str, ...] = ("seen", "code")
    methods: tuple[str, ...] = ("up",)
    texts: int = 8
    steps: int = 3
    tasks: tuple[tuple[str, int], ...] = tuple(FOUR.items())
    run: float = 0.05
    item: float = 0.05
    cell: float = 0.15
    shift: Any = None
    ahead: float = 0.0
    fixed_step: int = 2
    seed: int = 1


def simulate(of: Simulation) -> Samples:
    """The samples of a simulated study; the larger models' latent scores are ``ahead``."""
    draw = np.random.default_rng(of.seed)
    study, tasks = _study(of), dict(of.tasks)
    bases: dict[str, dict[str, np.ndarray]] = {name: {} for name in study.models}
    cubes = {}
    difficulty = {task: draw.normal(size=items) for task, items in tasks.items()}
    latent = {
        model: {
            task: difficulty[task] + draw.normal(0, 0.1, items) + (of.ahead if model in of.references else 0)
            for task, items in tasks.items()
        }
        for model in study.models
    }
    for model in study.models:
        bases[model] = {task: _scores(task, latent[model][task]) for task in tasks}
    for model in of.subjects:
        for method in of.methods:
            runs = study.runs_of(model, method)
            scores = {task: _run_scores(of, runs, task, latent[model][task], draw) for task in tasks}
            answers = {task: np.zeros(values.shape, dtype=np.int16) for task, values in scores.items()}
            cubes[model, method] = Cube(model, method, tuple(runs), np.arange(of.steps + 1), scores, answers)
    return Samples(study, cubes, bases, _selections(study, cubes), of.fixed_step, 0.95)


def _scores(task: str, latent: np.ndarray) -> np.ndarray:
    """Right or wrong, or an F1 between 0 and 1; points."""
    right = latent > 0 if TASKS[task].group == "classification" else np.clip(0.5 + 0.15 * latent, 0, 1)
    return (right * POINTS).astype(np.float32)


def _run_scores(of: Simulation, runs: list[dict[str, Any]], task: str, base: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    steps = np.arange(1, of.steps + 1)
    change = np.cumsum(draw.normal(0, of.cell, (len(runs), of.steps, len(base))), axis=1) / np.sqrt(steps)[:, None]
    change += draw.normal(0, of.run, (len(runs), 1, 1)) + draw.normal(0, of.item, (1, 1, len(base)))
    if of.shift is not None:
        change += np.array([of.shift(run["corpus"], steps) for run in runs], dtype=float)[:, :, None]
    latent = np.concatenate([np.zeros((len(runs), 1, len(base))), change], axis=1) + base
    return _scores(task, latent)


def _study(of: Simulation) -> StudyIndex:
    entries = {task: TaskEntry(TASKS[task].label, TASKS[task].group, TASKS[task].metric, 0.5) for task, _ in of.tasks}
    runs = [
        {"model": model, "method": method, "corpus": corpus, "text": text, "run": f"{model}-{method}-{corpus}-{text}", "members": []}
        for model in of.subjects
        for method in of.methods
        for corpus in of.corpora
        for text in range(of.texts)
    ]
    names = lambda values: {value: value for value in values}  # noqa: E731
    return StudyIndex(
        name="simulated", title="Simulated", digest="", subjects=names(of.subjects), references=names(of.references), corpora=names(of.corpora),
        task_entries=entries, splits=dict.fromkeys(entries, ("validation",)), split="validation", methods=names(of.methods),
        updates_of=dict.fromkeys(of.methods, of.steps), texts=of.texts, items=max(dict(of.tasks).values()), steps=(), seed=of.seed,
        runs=tuple(runs), plan={},
    )  # fmt: skip


def _selections(study: StudyIndex, cubes: dict[tuple[str, str], Cube]) -> pd.DataFrame:
    """Table ``selections``; the authors' rule stops nobody."""
    rows = []
    for cube in cubes.values():
        for group in study.groups:
            curve = np.mean([cube.scores[task].mean(axis=2, dtype=float) for task in study.tasks(group)], axis=0)
            for policy in POLICIES:
                for run, values in zip(cube.runs, curve, strict=True):
                    names = {name: run[name] for name in ("model", "method", "corpus", "text", "run")}
                    step = int(cube.steps[policy.choose(values, len(values) - 1)])
                    chosen = {"policy": policy.name, "group": group, "split": "validation", "step": step}
                    rows.append(names | chosen | {"value": 0.0, "baseline": 0.0, "gain": 0.0})
    return pd.DataFrame(rows, columns=list(TABLES["selections"]))
