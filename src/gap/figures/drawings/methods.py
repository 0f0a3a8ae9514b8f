"""The study's own method beside its controls and variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.panels import corpus_dots, corpus_handles, group_panels, mean_mark
from gap.figures.phrases import all_baselines_text, methods_text
from gap.figures.points import mean_points, run_points, where
from gap.figures.registry import FIGURES, Figure, several_methods
from gap.figures.style import DOUBLE, handle, legend_above, save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from gap.figures.data import StudyData

#: Share of the distance between two columns that the dots of one take.
WIDTH = 0.5


def points(data: StudyData) -> pd.DataFrame:
    """Changes of the runs of every method at their last steps, and their means over all corpora."""
    import pandas as pd

    study, methods = data.study, list(data.study.methods)
    return pd.concat([make(data, study.groups, ["last"], methods) for make in (run_points, mean_points)])


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Dots: change of a run's average at its last step, by method; black: mean over runs with its 95 % bootstrap interval."""
    study, frame = data.study, points(data)
    handles = [*corpus_handles(study), handle("mean, 95 % interval", line="-", tint="black")]
    size = (DOUBLE if len(study.subjects) > 1 else DOUBLE * 0.6, 0.9 + 1.7 * len(study.groups))
    with group_panels(study, study.subjects, size, "change", sharex="col") as (figure, panels):
        for (group, model), axes in panels.items():
            methods = study.methods_of(model)
            for column, method in enumerate(methods):
                cell = where(frame, group=group, model=model, method=method)
                gains = [where(cell, kind="run", corpus=corpus)["gain"].to_numpy() for corpus in study.corpora]
                corpus_dots(axes, column, gains, width=WIDTH, spread=0.6, size=12, alpha=0.6)
                for ends in where(cell, kind="mean")[["gain", "low", "high"]].to_numpy(float):
                    mean_mark(axes, column + WIDTH / 2 + 0.06, 0.05, ends, linewidth=1.4)
            axes.set_xticks(range(len(methods)), list(methods.values()), rotation=35, ha="right", rotation_mode="anchor")
            axes.set_xlim(-0.6, len(methods) - 0.4)
        legend_above(figure, handles, len(handles))
        save(figure, folder, name, frame)


def caption(data: StudyData) -> str:
    """What the figure shows, and of how many runs."""
    return (
        "Each dot is one run's change against the unmodified model at its last step, for which nothing was chosen; black: mean and 95 % "
        f"bootstrap interval over runs. Methods: {methods_text(data)}. Random steps have the norm of the ascent's, tensor by tensor and "
        f"update by update. Unmodified models, {all_baselines_text(data)}."
    )


FIGURES.add(
    Figure(
        name="methods",
        title="Methods side by side",
        draw=draw,
        caption=caption,
        order=4,
        exists=several_methods,
        needs="more than one method",
        tables=("selections", "estimates"),
    )
)
