"""The study's own method against each control on the same texts, and whether gains differ between corpora."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.study_index import ALL, texts_of
from gap.core.tables import TABLES
from gap.estimate.choices import policies
from gap.estimate.cubes import Cube
from gap.estimate.effects import run_means
from gap.estimate.samples import Samples
from gap.stats.multiple_testing import holm
from gap.stats.sign_flip import sign_flip_p

if TYPE_CHECKING:
    import pandas as pd


def paired_differences(samples: Samples) -> pd.DataFrame:
    """Table ``paired_differences``: own method minus each other one, paired by text and item; by corpus and over all.

    A run with several texts (a combination) is held against the mean of the own method's runs on them.  Holm's correction is over
    the other methods of a model, corpus, policy and average.
    """
    import pandas as pd

    study = samples.study
    rows: list[dict[str, Any]] = []
    for model, policy, corpus in product(study.subjects, policies(study), (ALL, *study.corpora)):
        for name in samples.averages:
            family = [
                row
                for method in study.methods
                if method != study.primary and (model, method) in samples.cubes
                for row in _row(samples, samples.cubes[model, method], policy, corpus, name)
            ]
            known = [row for row in family if not np.isnan(row["p"])]
            for row, p in zip(known, holm([row["p"] for row in known]), strict=True):
                row["p_holm"] = p
            rows += family
    return pd.DataFrame(rows, columns=list(TABLES["paired_differences"]))


def _row(samples: Samples, other: Cube, policy: str, corpus: str, name: str) -> list[dict[str, Any]]:
    """One row; none where no text is on both sides."""
    tasks = samples.tasks(name)
    parts = paired(samples, other, policy, corpus, tasks)
    if not len(parts[0]):
        return []
    found = samples.estimate(parts, tasks, f"{other.model}/pairs/{len(parts[0])}/{corpus}")
    p = sign_flip_p(run_means(parts)[:, None], samples.rng(f"pairs/{other.model}/{other.method}/{policy}/{corpus}/{name}"))[0]
    names = {"model": other.model, "method": other.method, "corpus": corpus, "policy": policy, "task": name}
    return [names | found.numbers() | {"p": float(p), "p_holm": np.nan}]


def paired(samples: Samples, other: Cube, policy: str, corpus: str, tasks: list[str]) -> list[np.ndarray]:
    """Own method minus ``other`` on the texts that both have, float32 [pairs, items] of each task."""
    own = samples.cubes.get((other.model, samples.study.primary))
    place = {(run["corpus"], run["text"]): at for at, run in enumerate(own.runs)} if own else {}
    rows, counterparts = [], []
    for at in samples.rows(other, corpus):
        run = other.runs[at]
        texts = [(run["corpus"], text) for text in texts_of(run)]
        if all(text in place for text in texts):
            rows.append(int(at))
            counterparts.append([place[text] for text in texts])
    theirs = samples.parts(other.model, other.method, policy)
    if not rows or own is None:
        return [theirs[task][[]] for task in tasks]
    ours = samples.parts(own.model, own.method, policy)
    return [np.stack([ours[task][at].mean(axis=0) for at in counterparts]) - theirs[task][rows] for task in tasks]


def corpus_interactions(samples: Samples) -> pd.DataFrame:
    """Table ``corpus_interactions``: analysis of variance of gains, and of paired differences to each control, by corpus."""
    import pandas as pd

    rows = []
    for cube, policy, name in product(samples.cubes.values(), policies(samples.study), samples.averages):
        tasks, primary = samples.tasks(name), samples.study.primary
        groups: dict[str, list[np.ndarray]] = {"gain": [], "difference": []}
        for corpus in samples.study.corpora:
            parts = samples.parts(cube.model, cube.method, policy)
            groups["gain"].append(run_means([parts[task][samples.rows(cube, corpus)] for task in tasks]))
            if cube.method != primary:
                groups["difference"].append(run_means(paired(samples, cube, policy, corpus, tasks)))
        for of, values in groups.items():
            known = [value for value in values if len(value)]
            if len(known) > 1:
                f, p = f_test(known)
                names = {"model": cube.model, "method": cube.method, "policy": policy, "task": name, "of": of}
                rows.append(names | {"corpora": len(known), "runs": sum(map(len, known)), "f": f, "p": p})
    return pd.DataFrame(rows, columns=list(TABLES["corpus_interactions"]))


def f_test(groups: list[np.ndarray]) -> tuple[float, float]:
    """One-way analysis of variance over ``groups`` of runs: F and p; NaN where no group varies, or each has one run."""
    from scipy import stats

    if sum(map(len, groups)) <= len(groups) or not any(np.ptp(group) > 0 for group in groups):
        return float("nan"), float("nan")
    found = stats.f_oneway(*groups)
    return float(found.statistic), float(found.pvalue)
