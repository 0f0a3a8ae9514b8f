"""How a value in the results is written; and numbers.tex: every value that the article asks for, and the rows of its tables of verdicts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import write_text
from gap.figures.labels import in_order
from gap.figures.table import escape, show
from gap.paper.results import STUDIES, is_to_come, look_up, read_results
from gap.paper.sources import read_sources, wanted_values, wanted_verdicts
from gap.paper.words import WORDS

Number = Callable[[float], str]


def _change(value: float) -> str:
    return show(value, "change")


#: Number -> its word.
SPELLED = dict(enumerate(WORDS))
#: How a number is written.  Results hold scores as fractions, verdicts and pages hold points.
KINDS: dict[str, Number] = {
    "count": lambda value: f"{round(value):,}",
    "plain": lambda value: f"{value:g}",
    "tenths": lambda value: f"{value:.1f}",
    "hundredths": lambda value: f"{value:.2f}",
    "thousandths": lambda value: f"{value:.3f}",
    "change": _change,
    "score": lambda value: f"{100 * value:.2f}",
    "gain": lambda value: _change(100 * value),
    "percent": lambda value: f"{100 * value:.1f} %",
    "whole percent": lambda value: f"{100 * value:.0f} %",
    "millions": lambda value: f"{value / 1e6:.1f}",
    "million millions": lambda value: f"{value / 1e12:.1f}",
    "power": lambda value: re.sub(r"(?:\.0)?e([+-])0*", r"e\1", f"{value:.1e}").replace("e+", "e"),
    "word": lambda value: SPELLED[round(value)],
    "Word": lambda value: SPELLED[round(value)].capitalize(),
}
#: What becomes of several values, behind the kind: ``gain range``, ``count sum``.
REDUCED: dict[str, Callable[[Sequence[float], Number], str]] = {
    "range": lambda values, show: " to ".join(dict.fromkeys((show(min(values)), show(max(values))))),
    "least": lambda values, show: show(min(values)),
    "most": lambda values, show: show(max(values)),
    "sum": lambda values, show: show(sum(values)),
}
#: How many values there are: ``number``, ``word number``; or how many are a text: ``number of undecided``, ``word number of undecided``.
NUMBER = re.compile(r"(?:(word|Word) )?number(?: of (.+))?")
COUNTED = "number, number of TEXT, word number, Word number"
ALLOWED = f"text, each text, key, {COUNTED}, {', '.join(KINDS)}, and behind these {', '.join(REDUCED)}"


def write_numbers(folder: Path, root: Path, out: Path) -> int:
    """Check the article's sources in ``folder``, look their values up below ``root``, write ``out``; returns how many there are.

    Raises
    ------
    BadInput: a number is typed, or a path or kind is none.
    """
    sources, tree = read_sources(folder), read_results(root)
    lines = ["% Written by gap paper-numbers from the results; nothing here is to be edited."]
    lines += [rf"\gapstudy{{{study}}}" for study in dict.fromkeys(STUDIES.values()) if study in tree]
    values = [(kind, path) for kind, path in wanted_values(sources) if not is_to_come(tree, path)]
    lines += [rf"\gapvalue{{{kind}}}{{{path}}}{{{tex(kind, shown(kind, path, look_up(tree, path)))}}}" for kind, path in values]
    for study in wanted_verdicts(sources):
        if not is_to_come(tree, study):
            lines.append(rf"\gaprows{{{study}}}{{%")
            lines += [*tex_rows(verdict_rows(tree, study)), "}"]
    write_text(out, "\n".join(lines) + "\n")
    return len(values)


def shown(kind: str, path: str, values: list[Any]) -> str:
    """What was found at a path, as plain text.

    Raises
    ------
    BadInput: there is no such kind, several values where one is shown, no number or text where one is wanted, or a number without a word.
    """
    if kind == "key":
        return _key(path)
    if kind == "each text":
        return ", ".join(dict.fromkeys(_text(path, value) for value in values))
    name, _, reduce = kind.rpartition(" ")
    name, reduce = (name, reduce) if reduce in REDUCED else (kind, "")
    if counted := NUMBER.fullmatch(kind):
        name = counted[1] or "count"
        values = [len(values) if counted[2] is None else values.count(counted[2])]
    elif (name not in KINDS and name != "text") or (name == "text" and reduce):
        raise BadInput(path, f"kind {kind}", ALLOWED, "Mend the kind, which stands in front of the path.")
    if not reduce and len(values) != 1:
        raise BadInput(path, f"{len(values)} values", "one", f"Say which, or put {', '.join(REDUCED)} behind the kind.")
    if name == "text":
        return _text(path, values[0])
    numbers = [_number(path, value) for value in values]
    try:
        return REDUCED[reduce](numbers, KINDS[name]) if reduce else KINDS[name](numbers[0])
    except KeyError as error:
        raise BadInput(path, f"{error.args[0]} as a word", f"from {WORDS[0]} to {WORDS[-1]}", "Take the kind count.") from error


def tex(kind: str, text: str) -> str:
    """The same for TeX: signs, powers and percent in its spelling."""
    if kind in ("text", "each text"):
        return escape(text)

    def spelled(found: re.Match[str]) -> str:
        if found[1]:
            return rf"\ensuremath{{{found[1]}\times 10^{{{int(found[2])}}}}}"
        return r"\,\%" if found[0] == " %" else "$-$"

    return re.sub("([\\d.]+)e([+-]?\\d+)| %|[-\N{MINUS SIGN}]", spelled, text)


def verdict_rows(tree: dict[str, Any], study: str) -> list[list[str]]:
    """One row per claim and model of a study: number, model, difference, interval, bound, against, runs, verdict on all runs and in each other reading.

    Raises
    ------
    BadInput: there are no verdicts of this study.
    """
    labels = tree["params"]["studies"].get(study, {}).get("models", {})
    order = [*labels, *(model["label"] for model in tree["params"]["studies"]["paper"]["models"].values())]
    rows: list[list[str]] = []
    [claims] = look_up(tree, f"{study}/claims")
    for claim in sorted(claims.values(), key=lambda claim: claim["number"]):
        for model, readings in in_order(claim["models"], order).items():
            entry, *others = readings.values()
            numbers = [""] * 3 if entry.get("estimate") is None else [_change(entry["estimate"]), _interval(entry), _change(entry["bound"])]
            cells = [str(claim["number"]), labels.get(model, {}).get("label", model), *numbers, entry.get("against", "")]
            rows.append([*cells, str(entry.get("runs", "")), *(each["verdict"] for each in (entry, *others))])
    return rows


def tex_rows(rows: list[list[str]]) -> list[str]:
    """Rows of a table in TeX, with some space between claims."""
    lines: list[str] = []
    for before, row in zip([None, *rows], rows, strict=False):
        lines += [r"\addlinespace"] if before and before[0] != row[0] else []
        lines.append(" & ".join(map(escape, row)) + r" \\")
    return lines


def _interval(entry: dict[str, Any]) -> str:
    return "" if entry.get("low") is None or entry.get("high") is None else f"{_change(entry['low'])} to {_change(entry['high'])}"


def _key(path: str) -> str:
    """The share that the last part of a path names: ``0.95`` and ``q95`` are 95 %."""
    digits = re.fullmatch(r"q?(\d+(?:\.\d+)?)", path.split("/")[-1].strip())
    if not digits:
        raise BadInput(path, "no number at its end", "a path that ends in one, such as paired/0.95", "Mend the path, or take another kind.")
    share = float(digits[1])
    return KINDS["whole percent"](share if share <= 1 else share / 100)


def _number(path: str, value: Any) -> float:
    """A finite number, or a cell of a page that is one: ``5.4 %``, ``4,501``."""
    try:
        number = float(value if not isinstance(value, str) else value.removesuffix("%").replace(",", ""))
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(path, repr(value), "a number", "Take the kind text, or mend the path.")
    return number


def _text(path: str, value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        raise BadInput(path, f"{value!r:.60}", "a text or a number", "Mend the path: it ends too early, or at something that is not there.")
    return str(value)
