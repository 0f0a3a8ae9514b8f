"""The verdicts on the paper's claims: a card per claim, and rows of one table."""

from __future__ import annotations

from typing import Any

from gap.figures.labels import in_order
from gap.figures.table import show
from gap.params.preregistration import NOT_SUPPORTED, SUPPORTED

#: Verdict -> the p-value that decided it.
TESTED = {SUPPORTED: "p_for", NOT_SUPPORTED: "p_against"}


def verdict_rows(verdicts: dict[str, Any], labels: dict[str, str]) -> list[dict[str, str]]:
    """One row per claim (in the paper's order), model and reading, of the content of verdicts.json; ``labels`` of models, in their order.  No row where there is no such file."""
    claims: dict[str, Any] = verdicts.get("claims", {})
    return [
        _row(entry, claim["claim"], labels.get(model, model), reading)
        for claim in sorted(claims.values(), key=lambda claim: claim["number"])
        for model, by_reading in in_order(claim["models"], labels).items()
        for reading, entry in by_reading.items()
    ]


def claim_cards(verdicts: dict[str, Any], labels: dict[str, str]) -> list[dict[str, Any]]:
    """Number, words and, per model, the verdict on all runs: label, verdict, numbers, what it would take, and all of it for a pointer to show."""
    cards = []
    for claim in sorted(verdicts.get("claims", {}).values(), key=lambda claim: claim["number"]):
        rows = []
        for model, readings in in_order(claim["models"], labels).items():
            entry = next(iter(readings.values()))
            row = _row(entry, claim["claim"], labels.get(model, model), "all")
            numbers = f"{row['estimate']} ({row['interval'] or 'no interval'}); bound {row['bound']}" if row["estimate"] else ""
            hover = f"{numbers}; n = {row['runs']} runs, {row['items']} items; against {row['against']}" if numbers else ""
            rows.append(
                {
                    "model": row["model"],
                    "verdict": row["verdict"],
                    "numbers": numbers,
                    "interval": row["interval"],
                    "needs": row["reason"],
                    "hover": hover,
                }
            )
        cards.append({"number": claim["number"], "claim": claim["claim"], "rows": rows})
    return cards


def _row(entry: dict[str, Any], claim: str, model: str, reading: str) -> dict[str, str]:
    known = "estimate" in entry
    low, high = entry.get("low"), entry.get("high")
    interval = f"{_points(low)} to {_points(high)}" if low is not None and high is not None else ""
    few = f", {entry['interval']}" if known and not entry["interval"].endswith("bootstrap") else ""
    needed, without = entry.get("runs_needed"), entry.get("other_verdict_without")
    reason = entry["reason"] + (f"; about {needed} runs would decide it" if needed else "")
    if "p_for" in entry:
        side, smaller = (1 - entry["level"]) / 2, min(entry["p_for"], entry["p_against"])
        if tested := TESTED.get(entry["verdict"]):
            reason += f", p = {entry[tested]:.2g} in a one-sided test at {side:.3g}"
        elif interval and smaller > side and not low <= entry["bound"] <= high:
            reason += f"; the bound lies outside the interval, but p = {smaller:.2g}, corrected, in a one-sided test at {side:.3g}"
    return {
        "claim": claim,
        "model": model,
        "runs_of": reading,
        "verdict": entry["verdict"],
        "reason": reason + (f"; another verdict without {' or '.join(without)}" if without else ""),
        "estimate": _points(entry["estimate"]) if known else "",
        "interval": interval + few,
        "bound": _points(entry["bound"]) if known else "",
        "against": entry.get("against", ""),
        "policy": entry["policy"],
        "runs": str(entry.get("runs", "")),
        "items": str(entry.get("items", "")),
    }


def _points(value: float) -> str:
    return show(value, "change")
