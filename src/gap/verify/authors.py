"""A study of the authors' models and texts against their released rows: run by run, at the step that their own rule chooses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.study_index import StudyIndex, study_index
from gap.core.errors import BadInput, GapError
from gap.core.tables import read_table
from gap.fetch.upstream import read_upstream
from gap.published.audit.repeats import repeated, within
from gap.published.contents import RESULTS, TEXTS
from gap.published.names import CORPORA, MODELS, RUN
from gap.published.read import Published, read_published
from gap.published.rows import gains, per_run
from gap.verify.compare import ALPHA, Verdict

if TYPE_CHECKING:
    import pandas as pd

#: Share of single runs that a tolerance is to hold.
LEVEL = 0.95


def has_authors_rows(plan: dict[str, Any]) -> bool:
    """Whether all subjects and corpora of a study bear the labels of theirs."""
    study = study_index(plan)
    return set(study.subjects.values()) <= set(MODELS) and set(study.corpora.values()) <= set(CORPORA)


def read_authors_rows() -> Published:
    """Their rows, from the mirror, an earlier download or the network.

    Raises
    ------
    BadInput: they cannot be had.
    """
    try:
        results, texts = ([read_upstream(name) for name in names] for names in (RESULTS, TEXTS))
        return read_published(results[0].parent, texts[0].parent)
    except GapError as error:
        raise BadInput(error.where, error.found, error.allowed, error.cure) from error


def compare_with_authors(plan: dict[str, Any], published: Published) -> Verdict:
    """Per group, model and corpus: mean best-epoch average of the runs on texts that both have, and how many single runs agree.

    Two runs of one text differ by repeats' noise: the standard deviation ``within`` of their repeated runs, of which each side has one.  All
    runs of a model and corpus share a set-up: its noise is the standard deviation of their unmodified scores between corpora of a model.  So
    a mean of n differences has the variance 2 within**2 / n + 2 setup**2, a single one 2 within**2 + 2 setup**2.  Means must lie within the
    t quantile (degrees of freedom: those of the repeats) by which all cells fail by chance one time in a hundred; single runs within that
    of 95 %, but for as many as a binomial draw leaves outside.

    Raises
    ------
    BadInput: selections are missing, no run is on a text of theirs, or none of theirs is repeated.
    """
    from scipy import stats

    study = study_index(plan)
    noises = {group: noise(published, group) for group in study.groups}
    pairs = {cell: rows for group in study.groups for cell, rows in _pairs(study, published, group).items()}
    if not pairs:
        raise BadInput(
            f"results/{study.name}", "no run on a model and text of the authors' rows", "their labels and texts", "Use study paper."
        )
    beyond, table = [], {}
    for (group, model, corpus), rows in pairs.items():
        run, setup, degrees = noises[group]
        difference, count = float((rows["value"] - rows["mean"]).mean()), len(rows)
        mean_limit = stats.t.isf(ALPHA / (4 * len(pairs)), degrees) * np.sqrt(2 * run**2 / count + 2 * setup**2)
        single_limit = stats.t.isf((1 - LEVEL) / 2, degrees) * np.sqrt(2 * run**2 + 2 * setup**2)
        outside = int(((rows["value"] - rows["mean"]).abs() > single_limit).sum())
        most = int(stats.binom.isf(ALPHA / (2 * len(pairs)), count, 1 - LEVEL))
        name = f"{model}, {corpus}, {group}"
        ours, theirs = float(rows["value"].mean()) * 100, float(rows["mean"].mean()) * 100
        table[name] = {
            "runs": count,
            "ours": ours,
            "theirs": theirs,
            "tolerance": float(mean_limit) * 100,
            "outside": outside,
            "most": most,
        }
        sentence = f"{name}: mean of {count} runs {ours:.2f} points, theirs {theirs:.2f}, tolerance {mean_limit * 100:.2f}"
        if not abs(difference) <= mean_limit or outside > most:
            beyond.append(f"{sentence}; {outside} runs further apart than {single_limit * 100:.2f} points, {most} may be")
    runs = sum(entry["runs"] for entry in table.values())
    passed = (
        f"{len(pairs) - len(beyond)} of {len(pairs)} distributions of best-epoch averages ({runs} runs) within the noise of their repeats"
    )
    word = "different" if beyond else "as expected within noise"
    numbers = {"study": study.name, "against": "authors", "cells": table, "compared": len(pairs), "passed": len(pairs) - len(beyond)}
    return Verdict(not beyond, f"{word}: {passed}; the authors' released rows", beyond, numbers | {"beyond": beyond})


def noise(published: Published, group: str) -> tuple[float, float, int]:
    """Standard deviation of a run's average between repeats, of the unmodified average between set-ups, and the repeats' degrees of freedom.

    Both are fractions.

    Raises
    ------
    BadInput: no run of the group is repeated.
    """
    frame = gains(published, group)
    rows = repeated(frame)
    degrees = len(rows) - rows.groupby([*RUN]).ngroups
    base = published.unmodified[group]["mean"]
    deviations = base - base.groupby(level="model").transform("mean")
    freedom = len(base) - base.index.get_level_values("model").nunique()
    setup = float(np.sqrt((deviations**2).sum() / freedom)) if freedom > 0 else 0.0
    if degrees < 1:
        raise BadInput("the authors' rows", f"no repeated run in {group}", "at least one, for its noise", "Use their files as released.")
    return within(frame), setup, degrees


def _pairs(study: StudyIndex, published: Published, group: str) -> dict[tuple[str, str, str], pd.DataFrame]:
    """(group, model, corpus) by their labels -> columns ``value`` (ours, policy ``authors``) and ``mean`` (theirs), a row per text."""
    rows = read_table(
        Path(study.path("selections")), "selections", ["model", "method", "corpus", "text", "policy", "group", "split", "value"]
    )
    rows = rows[
        (rows["policy"] == "authors") & (rows["group"] == group) & (rows["split"] == study.split) & (rows["method"] == study.primary)
    ]
    ours = rows.assign(model=rows["model"].map(study.subjects), corpus=rows["corpus"].map(study.corpora)).rename(columns={"text": "index"})
    theirs = per_run(published.rows[group], ["mean"])
    merged = ours[[*RUN, "value"]].merge(theirs, on=[*RUN])
    return {(group, str(model), str(corpus)): part for (model, corpus), part in merged.groupby(["model", "corpus"], sort=False)}
