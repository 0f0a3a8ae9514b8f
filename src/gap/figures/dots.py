"""Figure 1 of the paper: one dot per run, by model size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gap.figures.data import AXIS_LABEL, POINTS, Data
from gap.figures.style import GREY, SINGLE, colour, drawing, handle, legend_above, marker, save, spread

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

#: Share of the distance between two models that the dots of one model take.
WIDTH = 0.8
#: Lines of the reference models, the first solid as in the paper.
LINES: tuple[Any, ...] = ("-", "-.", ":")


def draw(data: Data, group: str, folder: Path, name: str) -> None:
    """Dots: a run's average at its best step, in points, coloured by corpus; lines: the unmodified and reference models."""
    study = data.study
    handles = [handle(label, place) for place, label in enumerate(study.corpora.values())]
    handles += [handle("unmodified", line="--", tint="black")]
    lines = {model: LINES[place % len(LINES)] for place, model in enumerate(study.references)}
    handles += [handle(f"reference {study.models[model]}", line=line) for model, line in lines.items()]
    with drawing(study, SINGLE, 2.7) as (figure, [[axes]]):
        for place, model in enumerate(study.subjects):
            _dots(axes, data, group, model, place)
            level = data.baselines[model, group] * POINTS
            axes.plot([place - WIDTH / 2 - 0.04, place + WIDTH / 2 + 0.04], [level, level], "--", color="black", zorder=3)
        for model, line in lines.items():
            axes.axhline(data.baselines[model, group] * POINTS, linestyle=line, color=GREY, zorder=1)
        axes.set_xticks(range(len(study.subjects)), [study.models[model] for model in study.subjects])
        axes.set_xlim(-0.6, len(study.subjects) - 0.4)
        axes.set_ylabel(f"{AXIS_LABEL[group]}, points")
        axes.set_xlabel("model")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        legend_above(figure, handles, 3 if len(handles) > 4 else len(handles))
        save(figure, folder, name)


def _dots(axes: Axes, data: Data, group: str, model: str, place: int) -> None:
    lane = WIDTH / len(data.study.corpora)
    for index, corpus in enumerate(data.study.corpora):
        values = data.chosen(model, group, "best", corpus)["value"].to_numpy() * POINTS
        centre = place - WIDTH / 2 + lane * (index + 0.5)
        size = 14 if len(values) <= 20 else 7
        offsets = [centre + offset for offset in spread(len(values), lane * 0.8)]
        axes.scatter(offsets, values, s=size, marker=marker(index), color=colour(index), alpha=0.75, linewidths=0, zorder=2)
