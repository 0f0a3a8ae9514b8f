"""Results held against expectations, within tolerances that come from measured noise.

Every checkpoint's averages over the tasks of a group are compared (scores, and log-probabilities per item), and every method's mean gain
at the last step.  What of it is noise was measured: by the noise floor of scoring, and by *repeats*, the same study made with other
arithmetic (kind ``machine``) or from other texts (kind ``text``).  A tolerance is the larger of the floor and the root mean square of the
repeats' differences times a normal quantile, for which all comparisons together fail by chance one time in a hundred (Bonferroni).  All
numbers of one repeat share its base model, so one or two repeats say little of their spread: a t quantile (95 %) stands in then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from gap.core.digest import digest
from gap.core.errors import BadInput

#: Chance that results which differ by noise alone are called different.
ALPHA = 0.01
#: Repeats -> two-sided 95 % quantile of t with as many degrees of freedom; of more repeats it is below the normal quantile in use.
FEW = {1: 12.706, 2: 4.303}
#: Rounding of the sums in the file of expectations, per item.
ROUNDING = 1e-6
QUANTITIES = ("score", "log_probability", "gain")
#: (quantity, group) -> name of a checkpoint or method -> value: fractions; nats per item.
Averages = dict[tuple[str, str], dict[str, float]]


@dataclass(frozen=True)
class Verdict:
    """``line`` in one sentence, ``beyond`` a sentence per comparison outside its tolerance, ``numbers`` for machines."""

    expected: bool
    line: str
    beyond: list[str] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)


def differences_of_making(expected: dict[str, Any], found: dict[str, Any]) -> tuple[str, list[str]]:
    """What else than the study's settings differs: its kind (``text``, ``machine``, or empty), and each in words.

    Under arithmetic ``fast`` another processor may always have been at work, so that is ``machine`` without a word.
    """
    text = [] if expected["seed"] == found["seed"] else [f"seed {found['seed']} in place of {expected['seed']}"]
    text += _changes(expected["inputs"], found["inputs"])
    machine = _changes(expected["made"], found["made"])
    kind = "text" if text else "machine" if machine or found["made"].get("arithmetic") != "portable" else ""
    return kind, text + machine


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [f"{name} {after.get(name, 'unknown')} in place of {before.get(name, 'unknown')}" for name in names]


def check_comparable(expected: dict[str, Any], found: dict[str, Any], where: str) -> None:
    """Refuse results of other settings, and results that lack something expected.

    Raises
    ------
    BadInput: naming the settings, or the first task or checkpoint that is missing.
    """
    wanted, given = expected["settings"], found["settings"]
    other = [name for name in {**wanted, **given} if wanted.get(name) != given.get(name)]
    if other:
        cure = "Compare results of the same settings, or name a file of these: --against FILE."
        raise BadInput(where, f"results of other settings ({', '.join(sorted(other))})", "those that were recorded", cure)
    for part, word in (("tasks", "task"), ("checkpoints", "checkpoint")):
        missing = [name for name in expected[part] if name not in found[part]]
        if missing:
            names = f"no {word} {missing[0]}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            raise BadInput(where, names, f"all {len(expected[part])} that are expected", "Run the study again: make STUDY=NAME.")
    items = [name for name, task in expected["tasks"].items() if task != found["tasks"][name]]
    if items:
        raise BadInput(
            where, f"{found['tasks'][items[0]]['items']} items of {items[0]}", f"{expected['tasks'][items[0]]['items']}", "Run it again."
        )


def averages(snapshot: dict[str, Any], names: list[str]) -> Averages:
    """Unweighted averages over the tasks of each group, of the checkpoints ``names``; mean gain of each method at its runs' last steps."""
    tasks, values = list(snapshot["tasks"].values()), snapshot["checkpoints"]
    groups: dict[str, list[int]] = {}
    for place, task in enumerate(tasks):
        groups.setdefault(task["group"], []).append(place)
    items = np.array([task["items"] for task in tasks], dtype=float)
    table = {name: np.array(values[name], dtype=float) / items[:, None] for name in names}
    last: dict[str, str] = {}
    for name in names:
        run, _, step = name.rpartition("/")
        if step != "base" and int(step) >= int(last.get(run, "/0").rpartition("/")[2]):
            last[run] = name
    found: Averages = {}
    for group, places in groups.items():
        for column, quantity in enumerate(("score", "log_probability")):
            found[quantity, group] = {name: float(table[name][places, column].mean()) for name in names}
        gains: dict[str, list[float]] = {}
        for run, name in last.items():
            model, method = run.split("/")[:2]
            gain = table[name][places, 0].mean() - table[f"{model}/base"][places, 0].mean()
            gains.setdefault(f"{model}/{method}", []).append(float(gain))
        found["gain", group] = {name: float(np.mean(values)) for name, values in gains.items()}
    return found


def repeat(expected: dict[str, Any], found: dict[str, Any], label: str) -> dict[str, Any]:
    """What a repeat of the study says of noise: {"label", "kind", "differs", "content", "rms": {quantity: {group: ...}}}.

    ``content`` is a digest of its tables: the same bits twice are one repeat.

    Raises
    ------
    BadInput: results that cannot be compared, or that are bit for bit the expected ones or another repeat's.
    """
    check_comparable(expected, found, f"repeat {label!r}")
    content = digest(found["tables"])
    same = [each["label"] for each in expected["repeats"] if each["content"] == content and each["label"] != label]
    if same or expected["tables"] == found["tables"]:
        which = f"repeat {same[0]!r}" if same else "the expected results"
        raise BadInput(f"repeat {label!r}", f"{which}, bit for bit", "results made in another way", "Change what they are made by.")
    kind, differs = differences_of_making(expected, found)
    names = list(expected["checkpoints"])
    before, after = averages(expected, names), averages(found, names)
    rms: dict[str, dict[str, float]] = {}
    for (quantity, group), values in before.items():
        squares = [(after[quantity, group][name] - value) ** 2 for name, value in values.items()]
        rms.setdefault(quantity, {})[group] = round(float(np.sqrt(np.mean(squares))), 8) if squares else 0.0
    return {"label": label, "kind": kind or "machine", "differs": differs, "content": content, "rms": rms}


def tolerances(expected: dict[str, Any], kind: str, counts: dict[tuple[str, str], int]) -> dict[tuple[str, str], float]:
    """(quantity, group) -> the largest difference that is noise; ``counts``: how many comparisons each has.

    Floor of a gain: twice that of a score, one for the run and one for the unmodified model.
    """
    repeats = [each["rms"] for each in expected["repeats"] if each["kind"] == kind]
    total = sum(counts.values())
    quantile = max(NormalDist().inv_cdf(1 - ALPHA / (2 * max(total, 1))), FEW.get(len(repeats), 0.0))
    found = {}
    for quantity, group in counts:
        floor = expected["floor"].get(group, {})
        least = {"gain": 2 * floor.get("score", 0.0)}.get(quantity, floor.get(quantity, 0.0)) + ROUNDING
        squares = [rms[quantity].get(group, 0.0) ** 2 for rms in repeats]
        found[quantity, group] = max(least, quantile * float(np.sqrt(np.mean(squares)))) if squares else least
    return found


def compare(expected: dict[str, Any], found: dict[str, Any], source: str) -> Verdict:
    """The verdict on results; ``source`` names the expectations.

    Raises
    ------
    BadInput: they cannot be compared (``check_comparable``).
    """
    check_comparable(expected, found, f"results/{found['study']}")
    kind, differs = differences_of_making(expected, found)
    size = f"{len(expected['checkpoints'])} checkpoints, {len(expected['tasks'])} tasks, {source}"
    conditions = f" ({'; '.join(differs)})" if differs else ""
    numbers: dict[str, Any] = {"study": found["study"], "against": source, "differs": differs, "kind": kind}
    if expected["tables"] == found["tables"]:
        return Verdict(True, f"as expected, bit for bit{conditions}: {size}", [], numbers | {"bit_for_bit": True})
    names = list(expected["checkpoints"])
    before, after = averages(expected, names), averages(found, names)
    allowed = tolerances(expected, kind, {key: len(values) for key, values in before.items()})
    beyond, largest, total = [], dict.fromkeys(before, 0.0), 0
    for (quantity, group), values in before.items():
        for name, value in values.items():
            difference, total = abs(after[quantity, group][name] - value), total + 1
            largest[quantity, group] = max(largest[quantity, group], difference)
            if not difference <= allowed[quantity, group]:
                sentence = f"{name}: {quantity} in {group} {after[quantity, group][name]:.6f}, expected {value:.6f}"
                beyond.append(f"{sentence}, tolerance {allowed[quantity, group]:.6f}{_tasks(expected, found, name, quantity, group)}")
    table = {
        f"{quantity}/{group}": {"largest": largest[quantity, group], "tolerance": limit} for (quantity, group), limit in allowed.items()
    }
    numbers |= {"bit_for_bit": False, "compared": total, "passed": total - len(beyond), "differences": table, "beyond": beyond}
    repeats = sum(each["kind"] == kind for each in expected["repeats"])
    floor = f"the noise floor of scoring alone{', for no repeat of this kind is recorded' if kind else ''}"
    basis = f"{repeats} repeat{'s' * (repeats > 1)}" if repeats else floor
    passed = f"{total - len(beyond)} of {total} numbers within tolerance, by {basis}"
    word = "different" if beyond else "as expected within noise"
    return Verdict(not beyond, f"{word}{conditions}: {passed}; {size}", beyond, numbers)


def _tasks(expected: dict[str, Any], found: dict[str, Any], name: str, quantity: str, group: str) -> str:
    """The tasks behind a checkpoint's average, those that differ, with their sums; empty for gains."""
    if quantity == "gain":
        return ""
    column, shown = QUANTITIES.index(quantity), []
    for place, (task, entry) in enumerate(expected["tasks"].items()):
        before, after = (side["checkpoints"][name][place][column] for side in (expected, found))
        if entry["group"] == group and before != after:
            shown.append(f"{task} {after:g} for {before:g}")
    return f" ({', '.join(shown)})"
