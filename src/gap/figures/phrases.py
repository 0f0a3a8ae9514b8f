"""Parts of captions with the numbers a reader needs: baselines, runs, what was chosen and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.labels import POINTS

if TYPE_CHECKING:
    from gap.figures.data import StudyData

BEST = "the best step is chosen by the average that is shown and the unmodified model is one of the candidates, so no run can lie below it"


def runs_text(data: StudyData) -> str:
    """How many runs: "10 runs per model (2 corpora, 5 texts each), at most 15 updates per run", and which are scored if not all."""
    study = data.study
    number = _range({len(study.runs_of(model, study.primary)) for model in study.subjects})
    corpora = f"{len(study.corpora)} {'corpora' if len(study.corpora) > 1 else 'corpus'}"
    return f"{number} runs per model ({corpora}, {study.texts} texts each), at most {study.updates} updates per run{_scored(study.steps)}"


def _scored(steps: tuple[int, ...]) -> str:
    return f", scored at {'steps' if len(steps) > 1 else 'step'} {', '.join(map(str, steps))}" if steps else ""


def methods_text(data: StudyData) -> str:
    """How many runs each method has: "ascent (8 runs), descent (4), soup (2)"."""
    study = data.study
    runs = {label: [len(study.runs_of(model, method)) for model in study.subjects] for method, label in study.methods.items()}
    counts = {label: _range({number for number in numbers if number} or {0}) for label, numbers in runs.items()}
    (primary, number), *variants = counts.items()
    return ", ".join([f"{primary} ({number} runs per model)", *(f"{label} ({count})" for label, count in variants)])


def _range(counts: set[int]) -> str:
    return str(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"


def baselines_text(data: StudyData, group: str) -> str:
    """The unmodified models' averages: "0.2M 14.8, 0.5M 16.1 and, for reference, 1.2M 17.0 points"."""
    kinds = [models for models in (data.study.subjects, data.study.references) if models]
    lists = [", ".join(f"{label} {data.baselines[model, group] * POINTS:.2f}" for model, label in models.items()) for models in kinds]
    return f"{' and, for reference, '.join(lists)} points"


def tasks_text(data: StudyData, group: str) -> str:
    """How many tasks and items: "4 tasks, validation, first 320 items"."""
    study = data.study
    number = len(study.tasks(group))
    return f"unweighted mean of {number} task{'s' if number > 1 else ''}, {study.split} split, at most {study.items} items each"


def all_baselines_text(data: StudyData) -> str:
    """The unmodified models' averages of every group the study has."""
    return "; ".join(f"{group}: {baselines_text(data, group)}" for group in data.study.groups)
