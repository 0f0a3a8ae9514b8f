"""The differences that the paper's claims are judged by, with intervals and bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gap.figures.labels import in_order
from gap.figures.registry import FIGURES, Figure
from gap.figures.style import GREY, SINGLE, drawing, handle, legend_above, save
from gap.params.preregistration import NOT_SUPPORTED, SUPPORTED, UNDECIDED

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from gap.figures.data import StudyData

#: Claim -> what its difference is; the corpus is the last where the rules name none.
DIFFERENCES = {
    "gain": "1 after minus before",
    "larger": "2 minus next larger model",
    "corpora": "3 last corpus minus another",
    "steps": "4 early minus later step",
}
COLOURS = {SUPPORTED: "#009E73", NOT_SUPPORTED: "#D55E00", UNDECIDED: "#0072B2"}
COLUMNS = ["claim", "model", "verdict", "estimate", "low", "high", "bound", "against", "runs", "items"]


def points(data: StudyData) -> pd.DataFrame:
    """By claim and model: verdict, difference, interval and bound in points; of all runs, where a difference is known."""
    import pandas as pd

    rows = [
        (claim, model, *(found.get(key) for key in COLUMNS[2:]))
        for claim in DIFFERENCES
        for model, readings in in_order(data.verdicts.get("claims", {}).get(claim, {}).get("models", {}), data.study.subjects).items()
        if "estimate" in (found := next(iter(readings.values())))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Rows: claims and models; dots and lines: differences with intervals; black bars: what a difference must be above."""
    study, frame = data.study, points(data)
    rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    with drawing(study, SINGLE, 0.75 + 0.32 * max(len(rows), 2)) as (figure, [[axes]]):
        axes.axvline(0, color=GREY, linestyle="--", linewidth=0.8)
        for height, row in enumerate(rows):
            colour = COLOURS[row["verdict"]]
            axes.plot([row["low"], row["high"]], [height, height], color=colour, linewidth=1.6, zorder=2)
            axes.plot([row["estimate"]], [height], marker="o", markersize=5, color=colour, zorder=3)
            axes.plot([row["bound"]] * 2, [height - 0.3, height + 0.3], color="black", linewidth=2, zorder=4)
        axes.set_yticks(range(len(rows)), [_label(data, row) for row in rows])
        axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("difference in points")
        shown = dict.fromkeys(row["verdict"] for row in rows)
        handles = [handle(verdict, line="-", tint=COLOURS[verdict]) for verdict in shown]
        legend_above(figure, [*handles, handle("must be above", line="-", tint="black")], len(shown) + 1)
        save(figure, folder, name, frame)


def _label(data: StudyData, row: dict[str, Any]) -> str:
    corpus = data.verdicts.get("rules", {}).get("corpora", {}).get("corpus")
    words = DIFFERENCES[row["claim"]]
    if row["claim"] == "corpora" and corpus:
        words = words.replace("last corpus", data.study.corpora.get(corpus, corpus))
    return words if len(data.study.subjects) == 1 else f"{words}\n{data.study.models[row['model']]}"  # side by side they leave no room


def caption(data: StudyData) -> str:
    """What the figure shows, and of how many runs."""
    rows: list[dict[str, Any]] = points(data).to_dict("records")  # type: ignore[assignment]
    parts = [
        f"claim {DIFFERENCES[row['claim']][0]}, {data.study.models[row['model']]}: {row['runs']} runs, {row['items']} items" for row in rows
    ]
    crossing = any(row["verdict"] != UNDECIDED and row["low"] <= row["bound"] <= row["high"] for row in rows)
    wider = "Intervals are resampled and can be wider than the test's standard error: one of a decided claim reaches over its bar. "
    return (
        "Mean differences over runs with their intervals over runs and items; a claim needs a difference above the black bar, tested as docs/method.md says. "
        f"{wider if crossing else ''}n: {'; '.join(parts) or 'no difference is known'}."
    )


FIGURES.add(Figure(name="verdicts", title="The four claims", draw=draw, caption=caption, order=0, tables=("verdicts",)))
