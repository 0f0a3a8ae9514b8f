"""The answer and the findings as sentences, made from the numbers and worded no stronger than they allow, each with what limits it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gap.aggregate.study_index import ALL
from gap.core.tables import read_table
from gap.figures.data import StudyData
from gap.figures.labels import AXIS_LABEL, GROUP_LABEL, POINTS, in_order
from gap.figures.phrases import tasks_text
from gap.figures.points import last_differences
from gap.figures.table import show

#: Averages of equal counts can differ by this much with the order of summation.
ROUNDING = 1e-12
QUESTION = "Does a language model get better, zero-shot, after a few updates on one random text?"
#: Directions by which an otherwise like method is a control, as a sentence names them; and the sentence where a study has none of them.
CONTROLS = {"descent": "descent on the same text", "random": "random steps of the same length"}
NO_CONTROL = "There is no control: updates in another direction with the same step sizes were not tried."
CHOSEN = "That step is chosen by the score that is reported and may be the unmodified model: this difference cannot be negative, whatever the updates do, and is biased upwards."
TEXTS_ONLY = "Unless a caption says otherwise, intervals in figures and tables below cover the choice of texts, not that of items; one task's accuracy over {items} items has a standard error of up to {error:.1f} points."


@dataclass(frozen=True)
class Finding:
    """A sentence, what limits it (may be empty), and the figure that shows it (may be empty)."""

    text: str
    limit: str = ""
    figure: str = ""


def answer(verdicts: dict[str, Any], labels: dict[str, str]) -> str:
    """The first claim's verdict in one sentence, with difference, interval, runs and items of every model; ``labels`` of models, in their order."""
    models = in_order(verdicts.get("claims", {}).get("gain", {}).get("models", {}), labels)
    parts = []
    for model, readings in models.items():
        row, label = next(iter(readings.values())), labels.get(model, model)
        numbers = ""
        if "estimate" in row:
            level = f"{row['level'] * 100:g}\N{NO-BREAK SPACE}% interval"
            ends = f"{level} {show(row['low'], 'change')} to {show(row['high'], 'change')}" if row["low"] is not None else "no interval"
            numbers = f": the average score changes by {show(row['estimate'], 'change')} points ({ends}; {row['runs']} runs, {row['items']} items)"
        parts.append(f"{row['verdict']} for {label}{numbers}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else "No verdicts were at hand when this page was written."


def findings(data: StudyData) -> list[Finding]:
    """The most important ones, at most five: last step by task group, best step, controls, larger models."""
    found = [_last(data, group) for group in data.study.groups]
    found += [_best(data), _controls(data), *_larger(data)]
    items = data.study.items
    found[0] = replace(found[0], limit=TEXTS_ONLY.format(items=items, error=50 / items**0.5))
    return found


def more(data: StudyData) -> list[str]:
    """What is folded: scores of the unmodified models, and every other method beside the study's own."""
    return [text for group in data.study.groups for text in (_baselines(data, group), *_methods(data, group))]


def points(value: float) -> str:
    """A fraction as a signed change in points."""
    return show(value * POINTS, "change")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _baselines(data: StudyData, group: str) -> str:
    study = data.study
    scores = _listed([f"{data.baselines[model, group] * POINTS:.2f} ({study.models[model]})" for model in study.subjects])
    return f"{_upper(AXIS_LABEL[group])}: the unmodified models score {scores} points ({tasks_text(data, group)})."


def _interval(low: float, high: float, level: str = "95") -> str:
    """An interval in points at ``level`` per cent, and what it says."""
    if low != low:
        return "a single run, no interval"
    verdict = "above zero" if low > 0 else "below zero" if high < 0 else "not told apart from zero"
    return f"{level}\N{NO-BREAK SPACE}% interval {show(low, 'change')} to {show(high, 'change')}, {verdict}"


def _above(row: dict[str, Any]) -> str:
    runs = int(row["runs"])
    return f"{round(float(row['share_above']) * runs)} of {runs} runs"


def _last(data: StudyData, group: str) -> Finding:
    study, parts = data.study, []
    for row in last_differences(data, group).to_dict("records"):
        above = data.estimate(str(row["model"]), group, "last")
        over = f"{row['runs']} runs and {row['items']} items" + (f", {_above(above)} above" if above else "")
        interval = _interval(float(row["low"]), float(row["high"]), data.level)
        parts.append(f"{show(float(row['difference']), 'change')} points for {study.models[str(row['model'])]} ({interval}; over {over})")
    return Finding(
        f"{_upper(AXIS_LABEL[group])} at the last step, for which nothing is chosen: {_listed(parts or ['no runs'])}.",
        figure="score_by_step",
    )


def _best(data: StudyData) -> Finding:
    study, parts = data.study, []
    for group in study.groups:
        for model in study.subjects:
            if row := data.estimate(model, group, "best"):
                name = f"{AXIS_LABEL[group]}, {study.models[model]}"
                parts.append(f"{points(row['mean_gain'])} ({name}; {_above(row)} above the unmodified model)")
    bias = read_table(study.path("selection_bias"), "selection_bias")
    bias = bias[(bias["method"] == study.primary) & (bias["policy"] == "best") & bias["task"].isin(study.groups)]
    shares = [
        f"{show(float(row['difference']), 'change')} ({AXIS_LABEL[str(row['task'])]}, {study.models[str(row['model'])]}; "
        f"{_interval(float(row['low']), float(row['high']), data.level)})"
        for row in bias.to_dict("records")
    ]
    choosing = f" Against steps chosen by the other half of the items, choosing makes {_listed(shares)} of it." if shares else ""
    return Finding(
        f"At each run's best step, as the paper reports it: {_listed(parts or ['no runs'])}, in points.",
        CHOSEN + choosing,
        "gain_by_corpus",
    )


def _controls(data: StudyData) -> Finding:
    study, methods = data.study, data.study.plan["study"]["methods"]
    # what is done with the updated weights is the same: descent that is then turned round is no control
    done = {name: (method.get("transforms") or [], method.get("combine")) for name, method in methods.items()}
    directions = {name: method["gap"]["direction"]["kind"] for name, method in methods.items() if done[name] == done[study.primary]}
    rows = read_table(study.path("paired_differences"), "paired_differences")
    rows = rows[(rows["policy"] == "last") & rows["task"].isin(study.groups) & (rows["corpus"] == ALL)]
    controls = [name for name, kind in directions.items() if kind in CONTROLS and kind != directions[study.primary]]
    lacking = next((words for kind, words in CONTROLS.items() if kind not in directions.values()), "")
    missing = "" if not lacking else f"There is no control by {lacking}." if controls else NO_CONTROL
    rows = rows[rows["method"].isin(controls)]
    if rows.empty:
        return Finding(missing or "No run has a control on the same text.")
    parts = []
    for name in controls:
        cells = [
            f"{AXIS_LABEL[str(row['task'])]} {show(float(row['difference']), 'change')} ({_ends(row)}, {study.models[str(row['model'])]}, n = {row['runs']})"
            for row in rows[rows["method"] == name].to_dict("records")
        ]
        parts += [f"minus {study.methods[name]}, {_listed(cells)}"] if cells else []
    apart = int(((rows["low"] > 0) | (rows["high"] < 0)).sum())
    count = f"{apart or 'none'} of {len(rows)} differences {'are' if apart > 1 else 'is'} told apart from zero"
    start = f"{_upper(study.methods[study.primary])} against its controls on the same texts, last step: {count} (points, {data.level}\N{NO-BREAK SPACE}% intervals over pairs and items)"
    return Finding(f"{start}; {'; '.join(parts)}.", missing, "methods")


def _ends(row: dict[Any, Any]) -> str:
    low, high = float(row["low"]), float(row["high"])
    return f"{show(low, 'change')} to {show(high, 'change')}" if low == low else "no interval"


def _methods(data: StudyData, group: str) -> list[str]:
    """Each other method against the study's own, on the same texts."""
    study, rows = data.study, data.contrasts
    rows = rows[(rows["group"] == group) & (rows["policy"] == "last") & (rows["pairs"] > 0)]
    sentences = []
    for method in [name for name in study.methods if name != study.primary]:
        contrasts: list[Any] = rows[rows["method"] == method].to_dict("records")
        parts = [
            f"{points(row['difference'])} for {study.models[row['model']]} ({_interval(row['low'] * POINTS, row['high'] * POINTS)})"
            for row in contrasts
        ]
        if parts:
            names = f"{study.methods[method]} against {study.methods[study.primary]}"
            sentences.append(f"{GROUP_LABEL[group]}, {names}, last step, same texts, interval over texts: {_listed(parts)}.")
    return sentences


def _larger(data: StudyData) -> list[Finding]:
    """How many runs reach the next larger model unmodified (the paper's second claim)."""
    study, parts = data.study, []
    order = [*study.subjects, *study.references]
    for group in study.groups:
        for model, larger in zip(study.subjects, order[1:], strict=False):
            target = data.baselines[larger, group]
            values = {policy: data.chosen(model, group, policy)["value"] for policy in ("last", "best")}
            last, best = (int((scores >= target - ROUNDING).sum()) for scores in values.values())
            parts.append(
                f"{AXIS_LABEL[group]} of {study.models[larger]} ({target * POINTS:.2f}): {last} of {len(values['last'])} runs of {study.models[model]}, {best} at their best step"
            )
    text = f"Runs that reach the next larger model unmodified, at the last step: {'; '.join(parts)}."
    return [Finding(text, figure=f"figure1_{study.groups[0]}")] if parts else []
