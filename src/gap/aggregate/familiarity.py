"""How features of the texts go with the gains of the runs made on them: rank correlations with intervals.

Per model, method, corpus (and all of them together), task group and policy, for every feature: Spearman's rho over runs with
its percentile bootstrap interval over runs, a permutation p-value, and Holm's p over the features.  Corpora differ in their
texts and in their gains alike, so the row of all corpora together says the same of ranks within corpora as well: there, runs
are resampled and permuted within their corpus.  Cells are empty where a correlation does not exist: fewer than four
runs, or a feature or gain that is the same for all.  A correlation of 1 or -1 has no interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.estimates import LEVEL, RESAMPLES
from gap.aggregate.policies import detailed_names
from gap.aggregate.study_index import ALL, StudyIndex
from gap.aggregate.texts import TEXT
from gap.describe.features import COSINE, FEATURES
from gap.stats.bootstrap import Bootstrap, Resamples, correlations, named_rng
from gap.stats.intervals import NO_INTERVAL, Interval, percentile_interval
from gap.stats.multiple_testing import holm
from gap.stats.ranks import permutation_p, permutations, rank_correlation, usable

if TYPE_CHECKING:
    import pandas as pd

CELL = ["model", "method", "corpus", "group", "policy"]
NUMBERS = ["runs", "rho", "low", "high", "p", "p_holm"]
COLUMNS = [*CELL, "feature", *NUMBERS, *(f"within_{name}" for name in NUMBERS)]


@lru_cache(maxsize=16)
def _resamples(seed: int, name: str, count: int) -> Resamples:
    """Bootstrap resamples of ``count`` runs, which features, groups and policies share."""
    return Bootstrap(seed, RESAMPLES, LEVEL).resample(range(count), name)


@lru_cache(maxsize=16)
def _orders(seed: int, name: str, strata: tuple[int, ...]) -> np.ndarray:
    """Permutations of runs within ``strata`` [n], shared likewise."""
    return permutations(named_rng(seed, f"{name}/permutations"), RESAMPLES, np.array(strata))


@dataclass(frozen=True)
class Pairs:
    """Runs of one cell: a feature of each run's text and the run's gain, float64 [n], and its corpus, [n].

    Their resamples and permutations depend on ``seed``, ``name`` and the runs' corpora only.
    """

    feature: np.ndarray
    gain: np.ndarray
    corpus: np.ndarray
    seed: int
    name: str

    def where(self, kept: np.ndarray) -> Pairs:
        """The runs with this flag [n]."""
        return replace(self, feature=self.feature[kept], gain=self.gain[kept], corpus=self.corpus[kept])

    def of(self, corpus: str) -> Pairs:
        """The runs of one corpus, with resamples of their own."""
        return replace(self.where(self.corpus == corpus), name=f"{self.name}/{corpus}")

    @property
    def usable(self) -> bool:
        """Whether they have a rank correlation."""
        return usable(self.feature, self.gain)

    @property
    def resamples(self) -> Resamples:
        """Bootstrap resamples of the runs."""
        return _resamples(self.seed, self.name, len(self.gain))


def familiarity(features: pd.DataFrame, selections: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """Table ``familiarity``: columns ``COLUMNS``, methods in the order of the plan; gains as selected, all of the first split."""
    import pandas as pd

    alone = features[features["task"] == ""].pivot(index=TEXT, columns="feature", values="value")[list(FEATURES)]
    cosines = features[features["task"].isin(study.groups)].pivot(index=TEXT, columns="task", values="value")
    rows: list[dict[str, Any]] = []
    for names, runs in _cells(selections, study):
        values = alone.assign(**{COSINE: cosines[names["group"]]}) if names["group"] in cosines else alone
        values = values.reindex(pd.MultiIndex.from_frame(runs[TEXT]))
        gain, corpus = runs["gain"].to_numpy(dtype=float), runs["corpus"].to_numpy(dtype=str)
        draws = "/".join(("familiarity", names["model"], names["method"], names["corpus"]))
        cell = []
        for feature in values:
            pairs = Pairs(values[feature].to_numpy(), gain, corpus, study.seed, draws)
            cell.append(names | {"feature": feature} | _row(pairs, pooled=names["corpus"] == ALL))
        _adjust(cell)
        rows += cell
    return pd.DataFrame(rows, columns=COLUMNS).astype({"runs": int, "within_runs": "Int64"})


def _cells(selections: pd.DataFrame, study: StudyIndex) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Names of each cell, and its runs' rows of ``selections`` in the order of the plan.

    Runs on several texts (several per update, or a combination of runs) have no one text to be related to.
    """
    methods = dict.fromkeys((run["model"], run["method"]) for run in study.runs if not run.get("members"))
    for (model, method), corpus in product(methods, (ALL, *study.corpora)):
        runs = selections[(selections["model"] == model) & (selections["method"] == method)]
        runs = runs if corpus == ALL else runs[runs["corpus"] == corpus]
        for group, policy in product(study.groups, detailed_names()):
            cell = runs[(runs["group"] == group) & (runs["policy"] == policy)]
            if len(cell):
                yield dict(zip(CELL, (model, method, corpus, group, policy), strict=True)), cell


def _row(pairs: Pairs, *, pooled: bool) -> dict[str, Any]:
    """The numbers of one feature: over all runs, and for corpora together also within them."""
    pairs = pairs.where(np.isfinite(pairs.feature) & np.isfinite(pairs.gain))
    row: dict[str, Any] = dict.fromkeys(COLUMNS[len(CELL) + 1 :], float("nan")) | {"runs": len(pairs.gain), "within_runs": None}
    if pairs.usable:
        row |= _numbers(pairs, np.zeros(len(pairs.gain), dtype=int), lambda: pairs.resamples.spearman(pairs.feature, pairs.gain))
    if pooled:
        corpora = [corpus for corpus in dict.fromkeys(pairs.corpus) if pairs.of(corpus).usable]
        row |= {f"within_{name}": value for name, value in _within(pairs.where(np.isin(pairs.corpus, corpora)), corpora).items()}
    return row


def _within(pairs: Pairs, corpora: list[str]) -> dict[str, Any]:
    """The numbers of ranks within ``corpora``, those that have a correlation of their own."""
    if not corpora:
        return {"runs": 0}

    def interval() -> Interval:
        """Every corpus resampled by itself and ranked anew in every resample."""
        sums = np.zeros((3, RESAMPLES))
        for part in map(pairs.of, corpora):
            sums += np.array(part.resamples.rank_moments(part.feature, part.gain)) / len(part.gain) ** 2
        return percentile_interval(correlations((sums[0], sums[1], sums[2])), LEVEL)

    return _numbers(pairs, np.array([corpora.index(corpus) for corpus in pairs.corpus]), interval)


def _numbers(pairs: Pairs, strata: np.ndarray, interval: Callable[[], Interval]) -> dict[str, Any]:
    """Of ranks within ``strata`` [n].  A perfect order has no interval: every resample says the same, and the bootstrap nothing."""
    rho = rank_correlation(pairs.feature, pairs.gain, strata)
    low, high = NO_INTERVAL if abs(rho) > 1 - 1e-9 else interval()
    p = permutation_p(pairs.feature, pairs.gain, _orders(pairs.seed, pairs.name, tuple(strata)), strata)
    return {"runs": len(pairs.gain), "rho": rho, "low": low, "high": high, "p": p}


def _adjust(rows: list[dict[str, Any]]) -> None:
    """Add Holm's p over the features of one cell that have a p."""
    for p, adjusted in (("p", "p_holm"), ("within_p", "within_p_holm")):
        known = [row for row in rows if row[p] == row[p]]
        for row, value in zip(known, holm([row[p] for row in known]), strict=True):
            row[adjusted] = value
