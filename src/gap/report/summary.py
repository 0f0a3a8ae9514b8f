"""The findings as sentences, made from the numbers and worded no stronger than they allow."""

from __future__ import annotations

from typing import Any

from gap.figures.data import StudyData
from gap.figures.labels import AXIS_LABEL, POINTS
from gap.figures.phrases import tasks_text
from gap.figures.table import show

#: Averages of equal counts can differ by this much with the order of summation.
ROUNDING = 1e-12


def summary(data: StudyData) -> list[tuple[str, list[str]]]:
    """Per task group a heading and sentences: baselines, the best step and what it cannot show, the last step, larger models."""
    sections = []
    for group in data.study.groups:
        label = AXIS_LABEL[group]
        sentences = [_baselines(data, group), _best(data, group), _last(data, group), *_methods(data, group), *_larger(data, group)]
        sections.append((f"{label[0].upper()}{label[1:]}", sentences))
    return sections


def points(value: float) -> str:
    """A fraction as a signed change in points."""
    return show(value * POINTS, "change")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _baselines(data: StudyData, group: str) -> str:
    study = data.study
    scores = _listed([f"{data.baselines[model, group] * POINTS:.2f} ({study.models[model]})" for model in study.subjects])
    return f"The unmodified models score {scores} points ({tasks_text(data, group)})."


def _interval(row: dict[str, Any]) -> str:
    """The interval and what it says."""
    low, high = float(row["low"]), float(row["high"])
    if low != low:
        return "a single run, no interval"
    verdict = "above zero" if low > 0 else "below zero" if high < 0 else "not told apart from zero"
    return f"95\N{NO-BREAK SPACE}% interval {points(low)} to {points(high)}, {verdict}"


def _above(row: dict[str, Any]) -> str:
    runs = int(row["runs"])
    return f"{round(float(row['share_above']) * runs)} of {runs} runs"


def _rows(data: StudyData, group: str, policy: str) -> list[tuple[str, dict[str, Any]]]:
    rows = [(data.study.models[model], data.estimate(model, group, policy)) for model in data.study.subjects]
    return [(label, row) for label, row in rows if row]


def _best(data: StudyData, group: str) -> str:
    rows = _rows(data, group, "best")
    changes = [f"{points(row['mean_gain'])} for {label} ({_above(row)} above the unmodified model)" for label, row in rows]
    return (
        f"With each run at its best step, as the paper reports it, the mean difference is {_listed(changes)}. "
        "That step is chosen by the score that is reported and may be the unmodified model: "
        "this difference cannot be negative, whatever the updates do, and is biased upwards."
    )


def _last(data: StudyData, group: str) -> str:
    rows = [f"{points(row['mean_gain'])} for {label} ({_interval(row)}; {_above(row)} above)" for label, row in _rows(data, group, "last")]
    return f"At the last step, for which nothing is chosen, the mean difference is {_listed(rows)}."


def _methods(data: StudyData, group: str) -> list[str]:
    """Each other method against the study's own, on the same texts."""
    study, rows = data.study, data.contrasts
    rows = rows[(rows["group"] == group) & (rows["policy"] == "last") & (rows["pairs"] > 0)]
    sentences = []
    for method in [name for name in study.methods if name != study.primary]:
        contrasts: list[Any] = rows[rows["method"] == method].to_dict("records")
        parts = [f"{points(row['difference'])} for {study.models[row['model']]} ({_interval(row)})" for row in contrasts]
        if parts:
            sentences.append(f"{study.methods[method]} against {study.methods[study.primary]}, last step, same texts: {_listed(parts)}.")
    return sentences


def _larger(data: StudyData, group: str) -> list[str]:
    """How many runs reach the next larger model unmodified (the paper's second claim)."""
    study = data.study
    order = [*study.subjects, *study.references]
    sentences = []
    for model, larger in zip(study.subjects, order[1:], strict=False):
        target = data.baselines[larger, group]
        reached = {}
        for policy in ("best", "last"):
            values = data.chosen(model, group, policy)["value"]
            reached[policy] = f"{int((values >= target - ROUNDING).sum())} of {len(values)}"
        sentences.append(
            f"{study.models[larger]} unmodified ({target * POINTS:.2f}) is reached by {reached['best']} runs of {study.models[model]} "
            f"at their best step, {reached['last']} at the last."
        )
    return sentences
