"""The smallest true gain that the authors' numbers of items could have shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gap.figures.labels import POINTS
from gap.figures.points import where
from gap.figures.style import GREY, SINGLE, colour, handle, legend_above
from gap.figures.table import Column, Table
from gap.published.audit.detectable import ALPHA, POWER, Z_ALPHA, Z_POWER, effective, floor, needed_agreement, paired, unpaired
from gap.published.estimates import plain, standard_error
from gap.published.names import GROUPS, TASKS
from gap.published.read import Published
from gap.published.rows import baseline, gains, items_of, models
from gap.published.section import Figure, FigureFile, Row, Sampling, Section, blocks
from gap.published.wording import each, listed, points, score

#: Shares of items on which both checkpoints are right or both are wrong.
AGREEMENTS = (0.90, 0.95, 0.99)
#: Agreements that the figure spans.
DRAWN = np.linspace(0.8, 0.9995, 400)
GROUP = "classification"
#: Published gains that the figure shows, with their lines and widths.
OBSERVED: dict[str, tuple[Any, float]] = {"mean": ("--", 0.7), "largest": (":", 0.9)}


def section(data: Published, sampling: Sampling) -> Section:
    """Per task and for the average: smallest detectable gain, unpaired by model and paired by agreement; fractions.

    One checkpoint against the unmodified model.  Unpaired: Fleiss, Levin and Paik (2003), variance at the unmodified
    accuracy.  Paired: Connor (1987), normal approximation to McNemar's test.
    """
    count = effective(items_of(GROUP))
    gain = {model: rows["gain"] for model, rows in models(gains(data, GROUP)).items()}
    error = {model: standard_error(data, GROUP, [model]) for model in gain}
    numbers: dict[str, Any] = {
        "power": POWER,
        "alpha": ALPHA,
        "effective_items": count,
        "tasks": {task: _task(data, task, list(gain)) for task in GROUPS[GROUP]},
        "average": {
            **_paired(count),
            "standard_error": error,
            "unpaired": {model: (Z_ALPHA + Z_POWER) * 2**0.5 * value for model, value in error.items()},
        },
        "observed": {model: _observed(values, count) for model, values in gain.items()},
    }
    title = "Smallest detectable gain against agreement"
    figures = (Figure("published_power", title, _caption(numbers), _points(numbers), _draw, "narrow"),)
    return Section("power", "The smallest gain that could have been shown", _sentences(numbers), numbers, (_table(numbers),), figures)


def _task(data: Published, task: str, order: list[str]) -> dict[str, Any]:
    items = float(TASKS[task].items)
    return {"items": items, **_paired(items), "unpaired": {model: unpaired(baseline(data, GROUP, model, task), items) for model in order}}


def _paired(count: float) -> dict[str, Any]:
    gains = paired(np.array(AGREEMENTS), count)
    return {"paired": {f"{agreement:g}": plain(gain) for agreement, gain in zip(AGREEMENTS, gains, strict=True)}, "floor": floor(count)}


def _observed(gain: pd.Series, count: float) -> dict[str, Any]:
    largest = float(gain.max())
    return {"mean": float(gain.mean()), "largest": largest, "agreement_for_largest": plain(needed_agreement(largest, count))}


def _sentences(numbers: dict[str, Any]) -> tuple[str, ...]:
    average, seen = numbers["average"], numbers["observed"]
    sizes = sorted({int(row["items"]) for row in numbers["tasks"].values()})
    at = [f"{score(gain)} at an agreement of {agreement}" for agreement, gain in average["paired"].items() if gain is not None]
    means = each(seen, lambda row: score(row["mean"]))
    under = [model for model, row in seen.items() if row["mean"] < average["floor"]]
    verdict = (
        f"The published mean gains, {means} points, are below it for {listed(under)}: a gain of that size of one checkpoint could not have been shown "
        "on these items at any agreement."
        if under
        else f"The published mean gains, {means} points, are not below it."
    )
    largest = listed(
        f"{score(row['largest'])} ({model}; "
        + ("at no agreement)" if row["agreement_for_largest"] is None else f"from an agreement of {row['agreement_for_largest']:.3f} on)")
        for model, row in seen.items()
    )
    return (
        f"The tasks have {listed(map(str, sizes))} items. The standard error of one unmodified average of {len(numbers['tasks'])} tasks is {each(average['standard_error'], score)} points. "
        f"Without the answers to single items (unpaired), the smallest true gain of that average that a two-sided {ALPHA * 100:g} % test finds with {POWER * 100:g} % "
        f"power is {each(average['unpaired'], score)} points (normal approximation, Fleiss, Levin and Paik 2003).",
        f"Paired by item it depends on the share of items on which both checkpoints are right or both wrong: {listed(at)} (Connor 1987), and "
        f"no agreement makes a gain below {score(average['floor'])} points detectable. {verdict}",
        f"The largest published gains would be detectable if they had been named beforehand: {largest}. A mean over many runs can show less, if neither step nor items chose the epoch.",
    )


def _table(numbers: dict[str, Any]) -> Table:
    order = list(numbers["observed"])
    columns = (
        *(Column("task", "Task", "text"), Column("items", "n", "count")),
        *(Column(f"unpaired_{model}", model, "score", "Unpaired") for model in order),
        *(Column(f"paired_{agreement:g}", f"{agreement:g}", "score", "Paired, agreement") for agreement in AGREEMENTS),
        Column("floor", "any", "score", "Paired, agreement"),
    )
    tasks = [_line(task, f"{row['items']:.0f}", row) for task, row in numbers["tasks"].items()]
    average = _line("average", f"({numbers['effective_items']:.0f})", numbers["average"])
    caption = (
        f"Smallest true gain in points that a two-sided {ALPHA * 100:g} % test finds with {POWER * 100:g} % power, one checkpoint against the unmodified model: "
        "unpaired at each model's accuracy, and paired by the share of items on which the two agree; any: smallest at any agreement. Empty: not even if all "
        "items that change turn right. Last row: average of the tasks; in brackets, the items of one task with the same precision."
    )
    return Table("published_power", "Smallest detectable gain", caption, columns, *blocks([tasks, [average]]))


def _line(task: str, items: str, row: dict[str, Any]) -> Row:
    return (task, items, *map(points, (*row["unpaired"].values(), *row["paired"].values(), row["floor"])))


def _caption(numbers: dict[str, Any]) -> str:
    seen = numbers["observed"]
    means, largest = each(seen, lambda row: score(row["mean"])), each(seen, lambda row: score(row["largest"]))
    return (
        f"Smallest true gain over the unmodified model found with {POWER * 100:g} % power (two-sided {ALPHA * 100:g} % test, paired by item) against the share of "
        "items on which both checkpoints agree, for one task and for the average of all tasks. "
        f"Dashed: published mean gains, {means} points; dotted: largest, {largest}."
    )


def _points(numbers: dict[str, Any]) -> pd.DataFrame:
    """Detectable gains by agreement (kind: the curve), and the published ones by model (kinds ``mean`` and ``largest``), in points."""
    sizes = sorted({row["items"] for row in numbers["tasks"].values()})
    shown = {f"one task, n = {int(sizes[0])}": sizes[0], f"one task, n = {int(sizes[-1])}": sizes[-1]}
    shown[f"average of {len(numbers['tasks'])} tasks"] = numbers["effective_items"]
    curves = [pd.DataFrame({"kind": label, "agreement": DRAWN, "gain": paired(DRAWN, items) * POINTS}) for label, items in shown.items()]
    seen = [(kind, model, row[kind] * POINTS) for model, row in numbers["observed"].items() for kind in OBSERVED]
    return pd.concat([*curves, pd.DataFrame(seen, columns=["kind", "model", "gain"])])


def _draw(file: FigureFile) -> None:
    curves = [kind for kind in dict.fromkeys(file.points["kind"]) if kind not in OBSERVED]
    lines = ("-.", "--", "-")
    handles = []
    with file.drawing(SINGLE, 2.8) as (figure, [[axes]]):
        for index, (label, line) in enumerate(zip(curves, lines[-len(curves) :], strict=True)):
            curve = where(file.points, kind=label)
            axes.plot(curve["agreement"], curve["gain"], line, color=colour(index))
            handles.append(handle(label, line=line, tint=colour(index)))
        for row in file.points[file.points["kind"].isin(OBSERVED)].to_dict("records"):
            axes.axhline(row["gain"], linestyle=OBSERVED[row["kind"]][0], color=GREY, linewidth=OBSERVED[row["kind"]][1])
        handles += [handle("published means", line="--"), handle("published largest", line=":")]
        axes.set_yscale("log")
        axes.set_yticks([0.1, 0.2, 0.5, 1, 2, 5, 10], labels=["0.1", "0.2", "0.5", "1", "2", "5", "10"])
        axes.set_yticks([], minor=True)
        axes.set_xticks([0.8, 0.85, 0.9, 0.95, 1.0])
        axes.set_xlabel("share of items on which both checkpoints agree")
        axes.set_ylabel("smallest detectable gain, points")
        axes.grid(True)
        legend_above(figure, handles, 2)
