"""Verdicts on the paper's claims, by the rules of preregistration.yaml: supported, not supported or undecided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gap.aggregate.study_index import ALL
from gap.estimate.claims import Contrast, Evidence, Reading, evidence
from gap.estimate.samples import Samples
from gap.params.preregistration import NOT_SUPPORTED, SUPPORTED, UNDECIDED, Preregistration, claims_to_judge
from gap.stats.multiple_testing import corrected, intersection_union

#: Of numbers in verdicts.json: the last bits of a mean differ between processors.
DECIMALS = 4


def verdicts(samples: Samples, rules: Preregistration) -> dict[str, Any]:
    """Content of verdicts.json: the rules, and claim -> model -> reading -> verdict with its numbers (points).

    ``other_verdict_without`` lists the tasks without any one of which the averages give another verdict; for the first reading.
    """
    found, readings = claims_to_judge(), [Reading(name, texts) for name, texts in rules.readings.items()]
    for reading in readings:
        for claim, by_model in evidence(samples, rules, reading).items():
            for model, row in _judged(by_model, rules, getattr(rules, claim).minimum_runs).items():
                found[claim]["models"].setdefault(model, {})[reading.name] = row
    for reading in readings[:1]:
        for task in samples.study.tasks(ALL):
            for claim, by_model in evidence(samples, rules, replace(reading, task=task)).items():
                for model, row in _judged(by_model, rules, getattr(rules, claim).minimum_runs).items():
                    kept = found[claim]["models"][model][reading.name]
                    kept.setdefault("other_verdict_without", []).extend([task] if row["verdict"] != kept["verdict"] else [])
    return {"rules": rules.model_dump(mode="json"), "claims": found}


def _judged(by_model: dict[str, Evidence], rules: Preregistration, least: int) -> dict[str, dict[str, Any]]:
    """The verdicts of one claim, whose p-values are corrected over models."""
    tested = corrected({model: _p_values(found) for model, found in by_model.items() if found.contrasts}, rules.correction)
    return {model: _row(found, rules, least, tested[model]) if model in tested else _nothing(found) for model, found in by_model.items()}


def _p_values(found: Evidence) -> tuple[float, float]:
    """For the claim, all contrasts above their bounds, and against it."""
    support, oppose = intersection_union([contrast.estimate.crossed.p_above(contrast.bound) for contrast in found.contrasts])
    return support if found.holds else 1.0, oppose


def _row(found: Evidence, rules: Preregistration, least: int, p_values: tuple[float, float]) -> dict[str, Any]:
    """``p_values``: for and against the claim, corrected; ``least``: the number of runs below which it is undecided."""
    support, oppose = p_values
    weakest = min(found.contrasts, key=lambda contrast: contrast.estimate.crossed.mean - contrast.bound)
    crossed = weakest.estimate.crossed
    runs, side = min(contrast.estimate.crossed.runs for contrast in found.contrasts), rules.alpha / 2
    verdict, reason = UNDECIDED, "the data allow both"
    if runs < least:
        reason = f"{runs} runs, and {least} are required"
    elif support <= side:
        verdict, reason = SUPPORTED, f"above {weakest.bound:g}"
    elif oppose <= side:
        verdict, reason = NOT_SUPPORTED, f"not above {weakest.bound:g}"
    elif not found.holds:
        reason = "a later step has the better mean"
    # where a later step has the better mean, and loses little, these means support nothing and oppose nothing, however many there are
    can_be = verdict == UNDECIDED and (found.holds or crossed.mean < weakest.bound)
    needed = _runs_needed(weakest, rules, least) if can_be else None
    # of one run nobody knows how others differ from it, and no number of anything tells a mean from a bound that it equals
    if can_be and needed is None and crossed.runs > 1 and crossed.mean != weakest.bound:
        reason += "; if this mean is the true one, more items, not more runs, are needed"
    row = {"verdict": verdict, "reason": reason, "policy": found.policy, "average": found.average, "against": weakest.against}
    tested = {"p_for": round(support, DECIMALS), "p_against": round(oppose, DECIMALS)}
    return row | _numbers(weakest, rules) | tested | {"runs_needed": needed}


def _numbers(weakest: Contrast, rules: Preregistration) -> dict[str, Any]:
    estimate = weakest.estimate
    ends = [None if end != end else round(end, DECIMALS) for end in estimate.interval]
    return {
        "estimate": round(estimate.crossed.mean, DECIMALS),
        "low": ends[0],
        "high": ends[1],
        "level": round(1 - rules.alpha, DECIMALS),
        "interval": estimate.kind,
        "bound": weakest.bound,
        "runs": estimate.crossed.runs,
        "items": estimate.crossed.items,
    }


def _runs_needed(weakest: Contrast, rules: Preregistration, least: int) -> int | None:
    """How many runs would decide it if the present mean were the true one; None where items, not runs, are too few."""
    crossed = weakest.estimate.crossed
    needed = crossed.runs_needed(abs(crossed.mean - weakest.bound), rules.alpha / 2, rules.power)
    return max(needed, least) if needed else None


def _nothing(found: Evidence) -> dict[str, Any]:
    return {"verdict": UNDECIDED, "reason": found.missing, "policy": found.policy, "average": found.average, "runs_needed": None}
