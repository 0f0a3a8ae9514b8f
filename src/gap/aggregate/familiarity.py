"""How features of the texts go with the gains of the runs made on them: rank correlations with intervals.

Per model, method, corpus (and all of them together), task group and policy, for every feature: Spearman's rho over runs with
its percentile bootstrap interval over runs, a permutation p-value, and Holm's p over the features.  Corpora differ in their
texts and in their gains alike, so the row of all corpora together says the same of ranks within corpora as well: there, runs
are resampled and permuted within their corpus.  Cells are empty where a correlation does not exist: fewer than four
runs, or a feature or gain that is the same for all.  A correlation of 1 or -1 has no interval.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.estimates import LEVEL, RESAMPLES
from gap.aggregate.features import TEXT
from gap.aggregate.policies import detailed_names
from gap.aggregate.study_index import ALL, StudyIndex
from gap.describe.features import COSINE, FEATURES
from gap.stats.bootstrap import Bootstrap, Resamples, correlations, named_rng
from gap.stats.intervals import NO_INTERVAL, Interval, percentile_interval
from gap.stats.multiple_testing import holm
from gap.stats.ranks import permutation_p, permutations, rank_correlation, usable

if TYPE_CHECKING:
    import pandas as pd

CELL = ["model", "method", "corpus", "group", "policy"]
FOUND = ["runs", "rho", "low", "high", "p", "p_holm"]
COLUMNS = [*CELL, "feature", *FOUND, *(f"within_{name}" for name in FOUND)]


@dataclass(frozen=True)
class Pairs:
    """Runs of one cell: a feature of each run's text and the run's gain, float64 [n], and its corpus, [n]."""

    feature: np.ndarray
    gain: np.ndarray
    corpus: np.ndarray

    def where(self, kept: np.ndarray) -> Pairs:
        """The runs with this flag [n]."""
        return Pairs(self.feature[kept], self.gain[kept], self.corpus[kept])

    @property
    def usable(self) -> bool:
        """Whether they have a rank correlation."""
        return usable(self.feature, self.gain)


class Resampler:
    """Resamples and permutations of runs; they depend on the study's seed, a name and the runs' corpora only."""

    def __init__(self, seed: int, name: str) -> None:
        self.bootstrap, self.name = Bootstrap(seed, RESAMPLES, LEVEL), name
        self.kept: dict[tuple[str, bytes], Any] = {}

    def resamples(self, count: int, stratum: str = "") -> Resamples:
        """Bootstrap resamples of ``count`` runs."""
        key = (f"resamples {stratum}", count.to_bytes(4, "big"))
        if key not in self.kept:
            self.kept[key] = self.bootstrap.resample(range(count), f"{self.name}/{stratum}" if stratum else self.name)
        return self.kept[key]

    def orders(self, strata: np.ndarray) -> np.ndarray:
        """Permutations within ``strata`` [n]."""
        key = ("orders", strata.tobytes())
        if key not in self.kept:
            self.kept[key] = permutations(named_rng(self.bootstrap.seed, f"{self.name}/permutations"), RESAMPLES, strata)
        return self.kept[key]


def familiarity(features: pd.DataFrame, selections: pd.DataFrame, study: StudyIndex) -> pd.DataFrame:
    """Table ``familiarity``: columns ``COLUMNS``, methods in the order of the plan; gains as selected, all of the first split."""
    import pandas as pd

    wide = features[features["task"] == ""].pivot(index=TEXT, columns="feature", values="value")
    cosines = features[features["task"].isin(study.groups)].pivot(index=TEXT, columns="task", values="value")
    rows: list[dict[str, Any]] = []
    for names, gains, chance in _cells(selections, study):
        texts = pd.MultiIndex.from_frame(gains[TEXT])
        held = {name: wide[name].reindex(texts).to_numpy() for name in FEATURES}
        if names["group"] in cosines:
            held[COSINE] = cosines[names["group"]].reindex(texts).to_numpy()
        gain, corpus = gains["gain"].to_numpy(dtype=float), gains["corpus"].to_numpy(dtype=str)
        found = [
            names | {"feature": name} | _row(Pairs(values, gain, corpus), chance, pooled=names["corpus"] == ALL)
            for name, values in held.items()
        ]
        _adjust(found)
        rows += found
    return pd.DataFrame(rows, columns=COLUMNS).astype({"runs": int, "within_runs": "Int64"})


def _cells(selections: pd.DataFrame, study: StudyIndex) -> Iterator[tuple[dict[str, str], pd.DataFrame, Resampler]]:
    """Names of each cell, its runs' rows of ``selections`` in the order of the plan, and its chance.

    Runs on several texts (several per update, or a combination of runs) have no one text to be related to.
    """
    policies = detailed_names()
    whole = selections[(selections["text"] >= 0) & selections["policy"].isin(policies)]
    for model, method in dict.fromkeys((str(run["model"]), str(run["method"])) for run in study.runs if not run.get("members")):
        runs = whole[(whole["model"] == model) & (whole["method"] == method)]
        for corpus in (ALL, *study.corpora):
            mine = runs if corpus == ALL else runs[runs["corpus"] == corpus]
            chance = Resampler(study.seed, f"familiarity/{model}/{method}/{corpus}")
            for group in study.groups:
                for policy in policies:
                    part = mine[(mine["group"] == group) & (mine["policy"] == policy)]
                    if len(part):
                        yield dict(zip(CELL, (model, method, corpus, group, policy), strict=True)), part, chance


def _row(pairs: Pairs, chance: Resampler, *, pooled: bool) -> dict[str, Any]:
    """The numbers of one feature: over all runs, and for corpora together also within them."""
    pairs = pairs.where(np.isfinite(pairs.feature) & np.isfinite(pairs.gain))
    row: dict[str, Any] = dict.fromkeys(COLUMNS[len(CELL) + 1 :], float("nan")) | {"runs": len(pairs.gain), "within_runs": None}
    if pairs.usable:
        one = np.zeros(len(pairs.gain), dtype=int)
        rho = rank_correlation(pairs.feature, pairs.gain)
        low, high = NO_INTERVAL if perfect(rho) else chance.resamples(len(pairs.gain)).spearman(pairs.feature, pairs.gain)
        row |= {"rho": rho, "low": low, "high": high}
        row["p"] = permutation_p(pairs.feature, pairs.gain, chance.orders(one))
    return row | (_within(pairs, chance) if pooled else {})


def _within(pairs: Pairs, chance: Resampler) -> dict[str, Any]:
    """The same of ranks within corpora; a corpus that has no correlation of its own is left out."""
    names = list(dict.fromkeys(pairs.corpus))
    kept = [name for name in names if pairs.where(pairs.corpus == name).usable]
    pairs = pairs.where(np.isin(pairs.corpus, kept))
    if not kept:
        return {"within_runs": 0}
    strata = np.array([kept.index(name) for name in pairs.corpus])
    rho = rank_correlation(pairs.feature, pairs.gain, strata)
    low, high = NO_INTERVAL if perfect(rho) else _within_interval(pairs, kept, chance)
    return {
        "within_runs": len(pairs.gain),
        "within_rho": rho,
        "within_low": low,
        "within_high": high,
        "within_p": permutation_p(pairs.feature, pairs.gain, chance.orders(strata), strata),
    }


def _within_interval(pairs: Pairs, corpora: list[str], chance: Resampler) -> Interval:
    """Percentile interval, every corpus resampled by itself and ranked anew in every resample."""
    sums = np.zeros((3, RESAMPLES))
    for name in corpora:
        own = pairs.where(pairs.corpus == name)
        count = len(own.gain)
        sums += np.array(chance.resamples(count, name).rank_moments(own.feature, own.gain)) / count**2
    found = correlations((sums[0], sums[1], sums[2]))
    return percentile_interval(found, LEVEL) if len(found) else NO_INTERVAL


def perfect(rho: float) -> bool:
    """Whether one order is the other or its reverse: then every resample says the same, and the bootstrap nothing."""
    return abs(rho) > 1 - 1e-9


def _adjust(rows: list[dict[str, Any]]) -> None:
    """Holm's p over the features of one cell that have one."""
    for p, adjusted in (("p", "p_holm"), ("within_p", "within_p_holm")):
        known = [row for row in rows if row[p] == row[p]]
        for row, value in zip(known, holm([row[p] for row in known]), strict=True):
            row[adjusted] = value
