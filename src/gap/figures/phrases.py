"""Parts of captions with the numbers a reader needs: baselines, runs, what was chosen and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.points import last_differences
from gap.figures.table import show

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


def last_step_text(data: StudyData, group: str) -> str:
    """What became of a group's mean at the last step, a line per model; empty where nothing was estimated.

    "mean dialogue F1 at the last step is above the unmodified model's: +0.57 points (95 % interval +0.53 to +0.61)"
    """
    rows = last_differences(data, group).to_dict("records")
    keys = ("difference", "low", "high")
    found = {data.study.models[str(row["model"])]: _compared(data.level, *(float(row[key]) for key in keys)) for row in rows}
    mean = f"mean {AXIS_LABEL[group]} at the last step"
    if len(found) < 2:
        return "".join(f"{mean} is {side} the unmodified model's: {numbers}" for side, numbers in found.values())
    lines = [f"{label} {side} the unmodified: {numbers}" for label, (side, numbers) in found.items()]
    return f"{mean}:\n" + ";\n".join(lines)


def _compared(level: str, difference: float, low: float, high: float) -> tuple[str, str]:
    """On which side of zero a difference in points lies, as far as its interval at ``level`` per cent tells, and its numbers."""
    change = f"{show(difference, 'change')} points"
    if low != low:
        return "not compared with", f"{change}, no interval"
    side = "above" if low > 0 else "below" if high < 0 else "not told apart from"
    return side, f"{change} ({level}\N{NO-BREAK SPACE}% interval {show(low, 'change')} to {show(high, 'change')})"


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
