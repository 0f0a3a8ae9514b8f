"""The stage: reads the heavy tables that the plan names, writes the light ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gap.aggregate.averages import add_averages
from gap.aggregate.contrasts import contrasts
from gap.aggregate.estimates import estimate, metrics
from gap.aggregate.familiarity import familiarity
from gap.aggregate.plots import gain_by_run, pretraining, score_by_step
from gap.aggregate.scores import read_scores
from gap.aggregate.selections import select
from gap.aggregate.study_index import study_index
from gap.aggregate.texts import read_features, read_texts
from gap.aggregate.trajectories import last_steps, read_trajectories, steps_by_epoch
from gap.core.files import write_json, write_text
from gap.core.tables import write_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def aggregate(plan: dict[str, Any]) -> None:
    """Write tables, estimates, metrics and plot data of a study to the places in ``plan["light"]``.

    Raises
    ------
    BadInput: something planned is missing, incomplete or scored twice; the message names model, task and run.
    """
    study = study_index(plan)
    texts, features = read_texts(study), read_features(study)
    trajectories = read_trajectories(study)
    run_scores = add_averages(read_scores(study, last_steps(trajectories)), study)
    selections = select(run_scores, study, steps_by_epoch(trajectories))
    estimates = estimate(run_scores, selections, study)
    frames = {"texts": texts, "text_features": features, "trajectories": trajectories, "run_scores": run_scores, "selections": selections}
    for name, frame in frames.items():
        write_table(frame, study.path(name), name)
    write_csv(estimates, study.path("estimates"))
    write_csv(contrasts(selections, trajectories, study), study.path("contrasts"))
    write_csv(familiarity(features, selections, study), study.path("familiarity"))
    write_json(study.path("metrics"), metrics(estimates, study))
    write_csv(score_by_step(run_scores, trajectories, study), study.path("plot_steps"))
    write_csv(gain_by_run(selections, trajectories, study), study.path("plot_runs"))
    write_csv(pretraining(study), study.path("plot_pretraining"))


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a CSV with six decimals and ``\\n`` line ends."""
    write_text(path, frame.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
