"""Gain of every run by corpus and model, with means and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.figures.panels import corpus_dots, corpus_handles, group_panels, mean_mark
from gap.figures.phrases import BEST, all_baselines_text, runs_text
from gap.figures.points import mean_points, run_points, where
from gap.figures.registry import FIGURES, Figure
from gap.figures.style import DOUBLE, handle, legend_above, save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from gap.figures.data import StudyData

POLICY_TITLE = {"best": "best step (the paper's figure of a run)", "last": "last step (nothing chosen)"}
#: Share of the distance between two columns that the dots of one take.
WIDTH = 0.84


def points(data: StudyData) -> pd.DataFrame:
    """Gains of the runs by both policies, and their means by corpus."""
    import pandas as pd

    study, policies = data.study, list(POLICY_TITLE)
    means = mean_points(data, study.groups, policies, corpora=list(study.corpora))
    return pd.concat([run_points(data, study.groups, policies), means])


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Dots: runs; black: their mean with its 95 % bootstrap interval; left, the best step; right, the last."""
    study, frame = data.study, points(data)
    handles = [*corpus_handles(study), handle("mean, 95 % interval", line="-", tint="black")]
    with group_panels(study, POLICY_TITLE, (DOUBLE, 0.6 + 1.8 * len(study.groups)), "gain") as (figure, panels):
        for (group, policy), axes in panels.items():
            for column, model in enumerate(study.subjects):
                cell = where(frame, group=group, policy=policy, model=model)
                gains = [where(cell, kind="run", corpus=corpus)["gain"].to_numpy() for corpus in study.corpora]
                middles = corpus_dots(axes, column, gains, width=WIDTH, spread=0.6, size=12, alpha=0.5)
                for corpus, middle in zip(study.corpora, middles, strict=True):
                    for ends in where(cell, kind="mean", corpus=corpus)[["gain", "low", "high"]].to_numpy(float):
                        mean_mark(axes, middle, WIDTH / len(middles) * 0.32, ends)
            axes.set_xticks(range(len(study.subjects)), list(study.subjects.values()))
            axes.set_xlim(-0.6, len(study.subjects) - 0.4)
        legend_above(figure, handles, len(handles))
        save(figure, folder, name, frame)


def caption(data: StudyData) -> str:
    """What the figure shows, and of how many runs."""
    return (
        "Each dot is one run's gain over the unmodified model; black: mean and 95 % bootstrap interval over runs. "
        f"Left: at the best step; {BEST}. Right: at the last step, for which nothing was chosen. "
        f"Unmodified models, {all_baselines_text(data)}. {runs_text(data)}."
    )


FIGURES.add(Figure(name="gain_by_corpus", title="Gain by corpus", draw=draw, caption=caption, order=3, tables=("selections", "estimates")))
