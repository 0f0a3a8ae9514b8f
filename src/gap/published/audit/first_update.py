"""No row has its best epoch at 1: what that says about the first updates."""

from __future__ import annotations

from typing import Any

from scipy import stats

from gap.figures.labels import GROUP_LABEL
from gap.figures.table import Column, Table
from gap.published.estimates import plain
from gap.published.names import GROUPS
from gap.published.read import Published
from gap.published.rows import SKIPPED, by_epoch, clusters, models, real_updates, tasks_of
from gap.published.section import Row, Sampling, Section
from gap.published.wording import listed, percent

#: First scale of PyTorch's dynamic fp16 loss scaler, and its factor after a step that overflows (torch.amp.GradScaler).
FIRST_SCALE, BACKOFF = 65536.0, 0.5
#: Largest p-value at which a ratio of the two epochs' chances counts as excluded.
LEVEL = 0.05


def section(data: Published, sampling: Sampling) -> Section:
    """Rows by best epoch; the chance of no epoch 1 if it were as likely as epoch 2; whether epoch 0 depends on the text."""
    numbers: dict[str, Any] = {group: _group(data, group) for group in GROUPS}
    numbers["either"] = _chance(*({run for group in GROUPS for run in _runs(data, group, epoch)} for epoch in (1, 2)))
    numbers["scale_after_skips"] = FIRST_SCALE * BACKOFF**SKIPPED
    never = all(numbers[group]["counts"].get("1", 0) == 0 for group in GROUPS)
    largest = [
        f"{numbers[group]['largest_epoch']} in {GROUP_LABEL[group].lower()} ({real_updates(numbers[group]['largest_epoch'])} real updates)"
        for group in GROUPS
    ]
    sentences = [*_odds(numbers), *_identical(numbers)]
    if never:
        sentences.append(
            f"A dynamic fp16 loss scaler does this when its first {SKIPPED} steps overflow: it starts at {FIRST_SCALE:,.0f}, skips a step whose scaled gradient is not finite and "
            "halves the scale. The authors' code evaluates after each update, so epochs 0 and 1 are then both the unmodified model, a tie keeps the earlier, and real "
            f"updates are the printed epoch minus {SKIPPED - 1}: {listed(largest)} for the largest best epochs. The rows cannot show the scale itself, nor later skips."
        )
    title = "Best epoch 1 never occurs" if never else "Best epoch 1"
    return Section("first_update", title, tuple(sentences), numbers, (_table(numbers),))


def _runs(data: Published, group: str, epoch: int) -> set[tuple[str, str, int]]:
    """Runs whose best epoch is ``epoch``."""
    frame = data.rows[group]
    return set(clusters(frame[frame["epoch"] == epoch]))


def _group(data: Published, group: str) -> dict[str, Any]:
    frame = data.rows[group]
    largest = int(frame["epoch"].max())
    unmodified, modified = frame[frame["epoch"] == 0], frame[frame["epoch"] > 0]
    distinct = [len(rows.drop_duplicates()) for _, rows in unmodified.groupby(["model", "corpus"], sort=False)[tasks_of(group)]]
    return {
        "rows": len(frame),
        "counts": by_epoch(frame, largest),
        "by_model": {model: by_epoch(rows, largest) for model, rows in models(frame).items()},
        "modified": len(modified),
        "modified_runs": len(set(clusters(modified))),
        "largest_epoch": largest,
        "median_epoch": plain(modified["epoch"].median()),
        "unmodified_cells": len(distinct),
        "unmodified_rows": len(unmodified),
        "unmodified_distinct": max(distinct, default=0),
        **_chance(_runs(data, group, 1), _runs(data, group, 2)),
    }


def _chance(ones: set[Any], twos: set[Any]) -> dict[str, Any]:
    """Exact binomial chance of so few runs at epoch 1 among those at epoch 1 or 2, were both as likely.

    ``ratio_excluded``: the smallest chance of epoch 1 relative to epoch 2 that the counts exclude at ``LEVEL``
    (the upper Clopper-Pearson limit of the share of epoch 1, as odds).
    """
    trials = len(ones | twos)
    if not trials:
        return {"runs_epoch_1": 0, "runs_epoch_1_or_2": 0, "p_if_as_likely": None, "ratio_excluded": None}
    count = len(ones)
    share = float(stats.beta.ppf(1 - LEVEL, count + 1, trials - count)) if count < trials else 1.0
    return {
        "runs_epoch_1": count,
        "runs_epoch_1_or_2": trials,
        "p_if_as_likely": float(stats.binom.cdf(count, trials, 0.5)),
        "ratio_excluded": plain(share / (1 - share)) if share < 1 else None,
    }


def _odds(numbers: dict[str, Any]) -> list[str]:
    titles = {group: GROUP_LABEL[group].lower() for group in GROUPS} | {"either": "either file"}
    parts = []
    for key, title in titles.items():
        chance, ratio = numbers[key]["p_if_as_likely"], numbers[key]["ratio_excluded"]
        if chance is None:
            continue
        excluded = "" if ratio is None else f", and an epoch 1 at least {percent(ratio)} % as likely as epoch 2 is excluded"
        runs = f"{numbers[key]['runs_epoch_1']} of {numbers[key]['runs_epoch_1_or_2']} runs"
        parts.append(f"{runs} in {title} (chance {power_of_ten(chance)}{excluded})")
    if not parts:
        return []
    return [
        f"Among runs with best epoch 1 or 2, epoch 1 is the best of {listed(parts)}. Chance: were both as likely and runs independent; excluded: at the "
        f"{LEVEL * 100:g} % level, one-sided. The files hold the same runs, so chances must not be multiplied."
    ]


def power_of_ten(value: float) -> str:
    """A small probability as a reader sees it."""
    if value >= 0.001:
        return f"{value:.3f}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits} x 10^{int(exponent)}".replace("-", "\N{MINUS SIGN}")


def _identical(numbers: dict[str, Any]) -> list[str]:
    if not all(numbers[group]["unmodified_distinct"] == 1 for group in GROUPS):
        return []
    parts = [f"{numbers[group]['unmodified_rows']} rows in {numbers[group]['unmodified_cells']} cells ({group})" for group in GROUPS]
    return [f"All epoch-0 rows of one model and corpus have the same scores to the last digit, whatever their text: {listed(parts)}."]


def _table(numbers: dict[str, Any]) -> Table:
    columns = [Column("epoch", "Printed epoch", "text"), Column("updates", "Real updates", "text")]
    counts: list[dict[str, int]] = []
    for group in GROUPS:
        by_model = numbers[group]["by_model"]
        columns += [Column(f"{group}_{model}", model, "count", GROUP_LABEL[group]) for model in by_model]
        columns.append(Column(group, "all", "count", GROUP_LABEL[group]))
        counts += [*by_model.values(), numbers[group]["counts"]]
    epochs = range(max(numbers[group]["largest_epoch"] for group in GROUPS) + 1)
    rows: list[Row] = [(str(epoch), str(real_updates(epoch)), *(count.get(str(epoch), 0) for count in counts)) for epoch in epochs]
    caption = f"Rows by the printed epoch of their best average, and the number of real updates if the first {SKIPPED} are skipped."
    return Table("published_epochs", "Best epoch of every row", caption, tuple(columns), tuple(rows))
