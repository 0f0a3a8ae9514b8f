"""What the study hands on as data: the authors' rows in long form, the data of DVC's plot, and the headlines of metrics.json."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gap.published.names import GROUPS, MODELS, RUN, TASKS
from gap.published.read import Published
from gap.published.rows import ORDER, gains, matched_gains, rows_of, tasks_of, unmodified_by_row

DECIMALS = 6


def observations(data: Published) -> pd.DataFrame:
    """Table ``published_rows``, one row per released row and task.

    ``row`` is the position in the authors' file, ``value`` and ``baseline`` are fractions.
    """
    parts = []
    for group in GROUPS:
        frame, tasks = data.rows[group], tasks_of(group)
        named = frame.assign(group=group, row=range(len(frame)), repeat=frame.groupby([*RUN]).cumcount())
        long = named.melt([*RUN, "group", "row", "repeat", "epoch"], tasks, var_name="task", value_name="value")
        long["baseline"] = unmodified_by_row(data, group)[tasks].melt()["value"]
        long["items"] = long["task"].map({task: TASKS[task].items for task in tasks})
        parts.append(long.sort_values(["row", "task"], kind="stable"))
    return pd.concat(parts, ignore_index=True).rename(columns={"index": "text"})


def gain_by_run(data: Published) -> str:
    """CSV with a row per run that both files have: series, model, corpus, text, gains (fractions; repeats averaged)."""
    runs = matched_gains(data)[0].rename(columns={"index": "text", **{group: f"{group}_gain" for group in GROUPS}})
    runs["series"] = runs["model"] + " " + runs["corpus"]
    columns = ["series", "model", "corpus", "text", *(f"{group}_gain" for group in ORDER)]
    return str(runs.to_csv(columns=columns, index=False, float_format="%.6f", lineterminator="\n"))


def metrics(data: Published, numbers: dict[str, Any]) -> dict[str, Any]:
    """Per model and group: rows, baseline, mean at the best step, difference (fractions), and how many rows are the unmodified model;
    ``audit``: the headlines of the audit.  ``numbers`` are those of the sections by name.
    """
    frames = {group: gains(data, group) for group in ORDER}
    by_model: dict[str, Any] = {}
    for model in MODELS:
        entry: dict[str, Any] = {}
        for group, frame in frames.items():
            rows = rows_of(frame, model)
            entry[f"{group}_rows"] = len(rows)
            entry[f"{group}_rows_unmodified"] = int((rows["epoch"] == 0).sum())
            for name, column in (("baseline", "base"), ("gap", "mean"), ("difference", "gain")):
                entry[f"{group}_{name}"] = round(float(rows[column].mean()), DECIMALS)
            entry[f"{group}_difference_largest"] = round(float(rows["gain"].max()), DECIMALS)
        by_model[model] = entry
    return by_model | {"audit": _audit(numbers)}


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
