"""The verdicts on the paper's claims as rows of one short table."""

from __future__ import annotations

from typing import Any

from gap.figures.table import show


def verdict_rows(verdicts: dict[str, Any], labels: dict[str, str]) -> list[dict[str, str]]:
    """One row per claim (in the paper's order), model and reading, of the content of verdicts.json; ``labels`` of models.  No row where there is no such file."""
    claims: dict[str, Any] = verdicts.get("claims", {})
    return [
        _row(entry, claim["claim"], labels.get(model, model), reading)
        for claim in sorted(claims.values(), key=lambda claim: claim["number"])
        for model, by_reading in claim["models"].items()
        for reading, entry in by_reading.items()
    ]


def _row(entry: dict[str, Any], claim: str, model: str, reading: str) -> dict[str, str]:
    known = "estimate" in entry
    low, high = entry.get("low"), entry.get("high")
    interval = f"{_points(low)} to {_points(high)}" if low is not None and high is not None else ""
    few = f", {entry['interval']}" if known and not entry["interval"].endswith("bootstrap") else ""
    needed, without = entry.get("runs_needed"), entry.get("other_verdict_without")
    reason = entry["reason"] + (f"; about {needed} runs would decide it" if needed else "")
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
