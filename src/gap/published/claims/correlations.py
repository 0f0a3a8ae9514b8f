"""Features that can be read off a text without a model, and their rank correlations with gains, by model and scope."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from gap.describe.surface import compressed
from gap.published.estimates import adjust, pair, plain, spearman
from gap.published.read import Published
from gap.published.rows import ALL, ORDER
from gap.published.section import Sampling
from gap.stats.bootstrap import Resamples
from gap.stats.intervals import NO_INTERVAL
from gap.stats.multiple_testing import holm

WORD = re.compile(r"\w+")
#: Feature -> how a figure names it.
FEATURES = {
    "characters": "characters",
    "words": "words",
    "compressed": "compressed size",
    "vocabulary": "type-token ratio",
    "symbols": "share of symbols",
}
#: The corpus that mixes code and prose, and the Pile subset that is code.
MIXED, CODE = "TDEC", "github"
#: The scope of the mixed corpus's code alone.
CODE_SCOPE = f"{MIXED} code"


def features(text: str) -> dict[str, float]:
    """Features of a text, keyed as in ``FEATURES``; 0 for no text.

    Words are runs of letters, digits and underscores; the type-token ratio is distinct lower-cased words over words; symbols are
    characters that are neither letters, digits nor white space.
    """
    lower_case = WORD.findall(text.lower())
    symbols = sum(not letter.isalnum() and not letter.isspace() for letter in text)
    return {
        "characters": float(len(text)),
        "words": float(len(WORD.findall(text))),
        "compressed": compressed(text),
        "vocabulary": len(set(lower_case)) / len(lower_case) if lower_case else 0.0,
        "symbols": symbols / len(text) if text else 0.0,
    }


def describe(data: Published) -> pd.DataFrame:
    """Corpus, index and features of every text that a run used; ``code`` (0 or 1) for the mixed corpus, else NaN."""
    used = pd.concat([data.rows[group][["corpus", "index"]] for group in ORDER]).drop_duplicates()
    texts = used.merge(data.texts, on=["corpus", "index"], how="left", validate="one_to_one")
    described = pd.DataFrame([features(text) for text in texts["string"]], index=texts.index)
    code = np.where(texts["corpus"] == MIXED, (texts["subset"] == CODE).astype(float), np.nan)
    return texts[["corpus", "index"]].join(described).assign(code=code)


def scope_of(runs: pd.DataFrame, scope: str, sampling: Sampling, name: str) -> dict[str, Any]:
    """Runs of one model and scope: each feature's correlation with the gain, p-values adjusted over the features."""
    resamples = sampling.resample(range(len(runs)), f"{name}/{scope}")
    gain = runs["gain"].to_numpy().round(9)
    chosen = [*FEATURES, *(["code"] if scope == MIXED else [])]
    by_feature = {feature: _correlation(runs[feature].to_numpy(), gain, resamples) for feature in chosen}
    adjust(by_feature.values())
    return {"runs": len(runs), "features": by_feature}


def _correlation(feature: np.ndarray, gain: np.ndarray, resamples: Resamples) -> dict[str, Any]:
    """Spearman's rho [runs], its bootstrap interval and two-sided p; rho None and p 1 where either side is constant."""
    rho, p = spearman(feature, gain)
    return {"rho": plain(rho), "rho_interval": pair(resamples.spearman(feature, gain) if rho == rho else NO_INTERVAL), "p": p}


def correlation_of(row: dict[str, Any], scope: str, feature: str) -> dict[str, Any] | None:
    """A model's correlation in a scope; None where that was not computed."""
    scopes = row["scopes"]
    return scopes[scope]["features"].get(feature) if scope in scopes else None


def code_and_prose(runs: pd.DataFrame) -> dict[str, Any]:
    """Mean gains of the mixed corpus's code and prose."""
    parts = {"code": runs.loc[runs["code"] == 1, "gain"], "prose": runs.loc[runs["code"] == 0, "gain"]}
    return {name: {"runs": len(part), "gain": plain(part.mean())} for name, part in parts.items()}


def summarise(numbers: dict[str, Any], sampling: Sampling) -> dict[str, Any]:
    """Correlations told apart from zero: pooled, and within corpora (Holm over features, and over everything within corpora)."""
    flat = [
        {"group": group, "model": model, "scope": scope, "feature": feature, **row}
        for group in ORDER
        for model, entry in numbers[group].items()
        for scope, part in entry["scopes"].items()
        for feature, row in part["features"].items()
    ]
    pooled = [row for row in flat if row["scope"] == ALL]
    inside = [row for row in flat if row["scope"] not in (ALL, CODE_SCOPE)]
    strict = holm([row["p"] for row in inside])
    keys = ("group", "model", "scope", "feature", "rho")
    return {
        "pooled": len(pooled),
        "pooled_kept": sum(row["p_holm"] < 1 - sampling.level for row in pooled),
        "within": len(inside),
        "within_kept": sum(row["p_holm"] < 1 - sampling.level for row in inside),
        "within_kept_overall": [{key: row[key] for key in keys} for row, p in zip(inside, strict, strict=True) if p < 1 - sampling.level],
        "within_largest": max((abs(row["rho"]) for row in inside if row["rho"] is not None), default=None),
    }
