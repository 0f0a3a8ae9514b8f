"""numbers.tex: every value that the article asks for, as text, and the rows of its tables of verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import write_text
from gap.figures.table import escape, show
from gap.paper.results import STUDIES, look_up, read_results
from gap.paper.sources import read_sources, wanted_values, wanted_verdicts

MINUS = "\N{MINUS SIGN}"
Number = Callable[[float], str]


def _signed(value: float) -> str:
    return show(value, "change").replace(MINUS, "-")


def _power(value: float) -> str:
    digits, exponent = f"{value:.1e}".split("e")
    return rf"\ensuremath{{{digits.removesuffix('.0')}\times 10^{{{int(exponent)}}}}}"


#: How a number is written.  Results hold scores as fractions, verdicts and pages hold points.
KINDS: dict[str, Number] = {
    "count": lambda value: f"{round(value):,}",
    "plain": lambda value: f"{value:g}",
    "tenths": lambda value: f"{value:.1f}",
    "hundredths": lambda value: f"{value:.2f}",
    "thousandths": lambda value: f"{value:.3f}",
    "change": _signed,
    "score": lambda value: f"{100 * value:.2f}",
    "gain": lambda value: _signed(100 * value),
    "percent": lambda value: rf"{100 * value:.1f}\,\%",
    "whole percent": lambda value: rf"{100 * value:.0f}\,\%",
    "millions": lambda value: f"{value / 1e6:.1f}",
    "million millions": lambda value: f"{value / 1e12:.1f}",
    "power": _power,
}
#: What becomes of several values, behind the kind: ``gain range``, ``count sum``.
REDUCED: dict[str, Callable[[Sequence[float], Number], str]] = {
    "range": lambda values, show: " to ".join(dict.fromkeys((show(min(values)), show(max(values))))),
    "least": lambda values, show: show(min(values)),
    "most": lambda values, show: show(max(values)),
    "sum": lambda values, show: show(sum(values)),
}


def write_numbers(folder: Path, root: Path, out: Path) -> int:
    """Check the article's sources in ``folder``, look their values up below ``root``, write ``out``; returns how many there are.

    Raises
    ------
    BadInput: a number is typed, or a path or kind is none.
    """
    sources, tree = read_sources(folder), read_results(root)
    lines = ["% Written by gap paper-numbers from the results; nothing here is to be edited."]
    lines += [rf"\gapstudy{{{study}}}" for study in dict.fromkeys(STUDIES.values()) if study in tree]
    values = [(kind, path) for kind, path in wanted_values(sources) if not _to_come(tree, path)]
    lines += [rf"\gapvalue{{{kind}}}{{{path}}}{{{shown(kind, path, look_up(tree, path))}}}" for kind, path in values]
    for study in wanted_verdicts(sources):
        if not _to_come(tree, study):
            lines.append(rf"\gaprows{{{study}}}{{%")
            lines += [*verdict_rows(tree, study), "}"]
    write_text(out, "\n".join(lines) + "\n")
    return len(values)


def shown(kind: str, path: str, values: list[Any]) -> str:
    """The text of what was found at a path.

    Raises
    ------
    BadInput: there is no such kind, several values where one is shown, or no number where one is wanted.
    """
    if kind == "number":
        return str(len(values))
    name, _, reduce = kind.rpartition(" ")
    name, reduce = (name, reduce) if reduce in REDUCED else (kind, "")
    if (name not in KINDS and name != "text") or (name == "text" and reduce):
        allowed = f"text, number, {', '.join(KINDS)}, and behind these {', '.join(REDUCED)}"
        raise BadInput(path, f"kind {kind}", allowed, r"Mend the first argument of \val.")
    if not reduce and len(values) != 1:
        raise BadInput(path, f"{len(values)} values", "one", f"Say which, or put {', '.join(REDUCED)} behind the kind.")
    if name == "text":
        return escape(str(values[0]))
    numbers = [_number(path, value) for value in values]
    return (REDUCED[reduce](numbers, KINDS[name]) if reduce else KINDS[name](numbers[0])).replace("-", "$-$" if name != "power" else "-")


def verdict_rows(tree: dict[str, Any], study: str) -> list[str]:
    """One row per claim and model of a study: number, model, difference, interval, bound, against, runs, verdict on all runs and in each other reading."""
    labels = tree["params"]["studies"].get(study, {}).get("models", {})
    order = [*labels, *(model["label"] for model in tree["params"]["studies"]["paper"]["models"].values())]
    rows: list[str] = []
    for claim in sorted(tree[study]["claims"].values(), key=lambda claim: claim["number"]):
        rows += [r"\addlinespace"] if rows else []
        for model, readings in sorted(claim["models"].items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)):
            entry, *others = readings.values()
            numbers = [""] * 3 if entry.get("estimate") is None else [_change(entry["estimate"]), _interval(entry), _change(entry["bound"])]
            cells = [str(claim["number"]), escape(labels.get(model, {}).get("label", model)), *numbers, escape(entry.get("against", ""))]
            rows.append(" & ".join([*cells, str(entry.get("runs", "")), *(each["verdict"] for each in (entry, *others))]) + r" \\")
    return rows


def _to_come(tree: dict[str, Any], path: str) -> bool:
    """Whether a path leads into a study that has not been made."""
    first = path.split("/")[0].strip()
    return first in STUDIES and first not in tree


def _interval(entry: dict[str, Any]) -> str:
    return "" if entry.get("low") is None or entry.get("high") is None else f"{_change(entry['low'])} to {_change(entry['high'])}"


def _change(value: float) -> str:
    return KINDS["change"](value).replace("-", "$-$")


def _number(path: str, value: Any) -> float:
    """A number, or a cell of a page that is one: ``5.4 %``, ``4,501``."""
    try:
        return float(value if not isinstance(value, str) else value.removesuffix("%").replace(",", ""))
    except (TypeError, ValueError) as error:
        raise BadInput(path, repr(value), "a number", "Take the kind text, or mend the path.") from error
