"""metrics.json of the published study: its headlines, few and flat."""

from __future__ import annotations

from typing import Any

from gap.published.read import MODELS, Published
from gap.published.rows import ORDER, gains
from gap.published.section import Section

DECIMALS = 6


def metrics(data: Published, sections: dict[str, Section]) -> dict[str, Any]:
    """Per model and group: rows, baseline, mean at the best step, difference (fractions), and how many rows are the unmodified model;
    ``audit``: the headlines of the audit.
    """
    frames = {group: gains(data, group) for group in ORDER}
    by_model: dict[str, Any] = {}
    for model in MODELS:
        entry: dict[str, Any] = {}
        for group, frame in frames.items():
            rows = frame[frame["model"] == model]
            entry[f"{group}_rows"] = len(rows)
            entry[f"{group}_rows_unmodified"] = int((rows["epoch"] == 0).sum())
            for name, values in (("baseline", rows["base"]), ("gap", rows["mean"]), ("difference", rows["gain"])):
                entry[f"{group}_{name}"] = round(float(values.mean()), DECIMALS)
            entry[f"{group}_difference_largest"] = round(float(rows["gain"].max()), DECIMALS)
        by_model[model] = entry
    return by_model | {"audit": _audit({name: section.numbers for name, section in sections.items()})}


def _audit(numbers: dict[str, Any]) -> dict[str, Any]:
    headlines: dict[str, Any] = {
        "accuracies_not_whole_items": numbers["granularity"]["misfits"],
        "averages_beyond_rounding": sum(numbers["averages"][group]["beyond_rounding"] for group in ORDER),
        "top_decile_of_both": numbers["two_groups"]["both"],
        "top_decile_of_both_by_chance": numbers["two_groups"]["expected"],
        "smallest_detectable_gain_unpaired": min(numbers["power"]["average"]["unpaired"].values()),
    }
    for group in ORDER:
        headlines[f"{group}_best_epoch_1"] = sum(entry["1"] for entry in numbers["first_update"][group]["by_model"].values())
    for model in MODELS:
        null = numbers["selection"]["models"][model]["stop"]
        headlines[f"{model}_gain_without_effect"] = null["at_varying"]["mean"]
        headlines[f"{model}_correlation_of_gains"] = numbers["two_groups"]["models"][model]["correlation"]
    return {name: round(value, DECIMALS) if isinstance(value, float) else value for name, value in headlines.items()}
