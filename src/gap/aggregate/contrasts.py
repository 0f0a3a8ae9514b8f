"""Other methods against the study's own, text by text."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.estimates import interval
from gap.aggregate.policies import DECIMALS, detailed_names
from gap.aggregate.study_index import StudyIndex, texts_of
from gap.aggregate.trajectories import up_to_last_scored

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "model", "method", "group", "policy", "pairs", "mean_gain", "own_gain", "difference", "low", "high", "share_above", "distance", "trained_distance",
]  # fmt: skip


def contrasts(selections: pd.DataFrame, trajectories: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """One row per subject, other method that it has, group and policy: columns ``COLUMNS``.

    A run is held against the study's own method on the same texts: against one run, or, where it has several texts (a
    combination of runs, several texts per update), against the mean of theirs.  ``difference`` is the mean over
    ``pairs`` of run minus counterpart (fractions), with a 95 % bootstrap interval over pairs; ``mean_gain`` and
    ``own_gain`` are both sides' mean gains over the unmodified model.  ``distance`` is the mean over runs of the L2 norm
    of the change at the last scored step, as it was scored; ``trained_distance`` the same before transforms, and for a
    combination the average norm of what went into it.
    """
    import pandas as pd

    last = up_to_last_scored(trajectories, study).groupby("run", sort=False)[["distance", "trained_distance"]].last()
    rows = []
    for model, method in product(study.subjects, study.methods):
        runs = study.runs_of(model, method)
        if method == study.primary or not runs:
            continue
        norms = last.loc[[run["run"] for run in runs]].mean().to_dict()
        for group, policy in product(study.groups, detailed_names()):
            cell = selections[(selections["model"] == model) & (selections["group"] == group) & (selections["policy"] == policy)]
            gains = cell.set_index(["method", "corpus", "text"])["gain"].to_dict()
            pairs = [pair for run in runs if (pair := _pair(gains, run, study.primary)) is not None]
            names = {"model": model, "method": method, "group": group, "policy": policy}
            rows.append(names | _row(np.array(pairs).reshape(-1, 2), study.seed, "/".join(names.values())) | norms)
    return pd.DataFrame(rows, columns=COLUMNS)


def _pair(gains: dict[Any, float], run: dict[str, Any], primary: str) -> tuple[float, float] | None:
    """Gain of a run and mean gain of its counterparts, of ``gains`` by (method, corpus, text); None where one of its texts has none."""
    counterparts = [(primary, run["corpus"], text) for text in texts_of(run)]
    if not all(counterpart in gains for counterpart in counterparts):
        return None
    return gains[run["method"], run["corpus"], run["text"]], float(np.mean([gains[counterpart] for counterpart in counterparts]))


def _row(pairs: np.ndarray, seed: int, name: str) -> dict[str, Any]:
    """The numbers of pairs [n, 2]."""
    differences = np.round(pairs[:, 0] - pairs[:, 1], DECIMALS)
    low, high = interval(differences, seed, f"contrast/{name}")
    known = len(pairs) > 0
    return {
        "pairs": len(pairs),
        "mean_gain": pairs[:, 0].mean() if known else np.nan,
        "own_gain": pairs[:, 1].mean() if known else np.nan,
        "difference": differences.mean() if known else np.nan,
        "low": low,
        "high": high,
        "share_above": (differences > 0).mean() if known else np.nan,
    }
