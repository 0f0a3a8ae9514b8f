"""How large a gain the choice of the best epoch makes on its own: the published gains against a null of no effect."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gap.published.audit import null, repeats
from gap.published.audit.selection_figures import figures
from gap.published.audit.selection_text import sentences, table
from gap.published.estimates import interval_of, pair, plain
from gap.published.read import Published
from gap.published.rows import changes, clusters, gains, items_of, models, tasks_of
from gap.published.section import Sampling, Section
from gap.stats.bootstrap import named_rng
from gap.stats.order_statistics import expected_maximum

GROUP = "classification"
#: Start of the names of the columns with changes in right items.
MOVED = "moved_"


def section(data: Published, sampling: Sampling) -> Section:
    """Per model: observed mean and largest gain; the null's by flip rate and candidates; flip rates that match; dialogue.

    ``flips`` are shares of all items whose correctness changes in one real update; gains are fractions.
    """
    frame = gains(data, GROUP).join(_moved(data))
    simulated = {model: _simulate(data, model, sampling) for model in models(frame)}
    items = items_of(GROUP)
    numbers: dict[str, Any] = {
        "items": int(items.sum()),
        "tasks": len(items),
        "flips": list(null.FLIPS),
        "fewest": null.FEWEST,
        "most": null.MOST,
        "simulated_runs": null.FACTOR * sampling.simulations,
        "models": {model: _model(rows, simulated[model], sampling) for model, rows in models(frame).items()},
        "dialogue": _dialogue(gains(data, "dialogue")),
    }
    title = "How much the choice of the best epoch yields on its own"
    return Section(
        "selection", title, sentences(numbers, sampling), numbers, (table(numbers, sampling),), figures(numbers, frame, simulated)
    )


def _moved(data: Published) -> pd.DataFrame:
    """Of each row and task (columns): right items minus the unmodified model's; ``least``: the least share of all items changed.

    Per task, at least as many items changed as the number of right items differs by.
    """
    items = items_of(GROUP)
    moved = (changes(data, GROUP)[tasks_of(GROUP)] * items).round().add_prefix(MOVED)
    return moved.assign(least=moved.abs().sum(axis=1) / items.sum())


def _simulate(data: Published, model: str, sampling: Sampling) -> dict[str, dict[str, null.Runs]]:
    """Flip rate (as text; "independent" last) -> rule -> runs under no effect, from the model's commonest unmodified scores."""
    items = items_of(GROUP)
    right = np.round(data.baselines[GROUP].loc[model, tasks_of(GROUP)].to_numpy(dtype=float) * items).astype(int)
    rates = {f"{flips:g}": flips for flips in null.FLIPS} | {null.INDEPENDENT: null.independent_share(right, items)}
    by_rate = {}
    for label, flips in rates.items():
        chain = null.counts(right, items, flips, null.FACTOR * sampling.simulations, named_rng(sampling.seed, f"selection/{model}/{label}"))
        by_rate[label] = {rule: null.best(chain, right, items, steps) for rule, steps in null.RULES.items()}
    return by_rate


def _model(rows: pd.DataFrame, simulated: dict[str, dict[str, null.Runs]], sampling: Sampling) -> dict[str, Any]:
    gain, unmodified = rows["gain"].to_numpy(), (rows["epoch"] == 0).to_numpy()
    labels = clusters(rows)
    resamples = sampling.resample(labels, f"selection/{rows['model'].iloc[0]}")
    # not ``Resamples.mean``, whose sums differ in the last bits
    gain_interval = resamples.interval(lambda positions: gain[positions].mean(axis=-1))
    unmodified_interval = resamples.interval(lambda positions: unmodified[positions].mean(axis=-1))
    observed = {
        "rows": len(rows),
        "runs": len(set(labels)),
        "mean": float(gain.mean()),
        "mean_interval": pair(gain_interval),
        "largest": float(gain.max()),
        "unmodified": float(unmodified.mean()),
        "unmodified_interval": pair(unmodified_interval),
        "least": plain(rows.loc[~unmodified, "least"].mean()),
        **_first_update(rows),
    }
    curves = {rule: [_null(by_rule[rule], observed["runs"]) for by_rule in simulated.values()] for rule in null.RULES}
    return {"observed": observed, **{rule: _rule(curve, observed) for rule, curve in curves.items()}}


def _rule(curve: list[dict[str, float]], observed: dict[str, Any]) -> dict[str, Any]:
    """The null by flip rate (independent evaluations last), the rates that match the published mean, and the null at rates of interest."""
    flips, known = list(null.FLIPS), curve[:-1]
    means = [point["mean"] for point in known]
    match = _inverse(flips, means, observed["mean"])
    return {
        "null": [{"flips": share, **_plain(point)} for share, point in zip([*flips, None], curve, strict=True)],
        "matching_flips": plain(match),
        "matching_interval": [plain(_inverse(flips, means, end)) for end in interval_of(observed, "mean")],
        "at_match": _at(flips, known, match),
        "at_least": _at(flips, known, observed["first_least"]),
        "at_varying": _at(flips, known, observed["first_varying"]),
        "independent": _plain(curve[-1]),
    }


def _null(runs: null.Runs, count: int) -> dict[str, float]:
    """The null's mean gain, expected largest of ``count`` runs, share left at the unmodified model, net movement of the rest,
    and mean gain of the runs whose best is the first real update; NaN where there are none."""
    modified, first = runs.step > 0, runs.step == 1
    return {
        "mean": float(runs.gain.mean()),
        "largest": expected_maximum(runs.gain, count),
        "unmodified": float((~modified).mean()),
        "moved": float(runs.changed_fraction[modified].mean()) if modified.any() else float("nan"),
        "first_gain": float(runs.gain[first].mean()) if first.any() else float("nan"),
    }


def _plain(point: dict[str, float]) -> dict[str, float | None]:
    return {key: plain(value) for key, value in point.items()}


def _first_update(rows: pd.DataFrame) -> dict[str, Any]:
    """Share of items that one real update changed, from the rows whose best epoch is the first real one, and their mean gain.

    ``first_least``: at least, on average.  ``first_varying``: variance of each task's right items among the rows of one
    corpus (pooled), summed over tasks, over all items: the share that changes at random, differently in every run, if
    items change independently of each other and seldom.
    """
    first = rows[rows["epoch"] == null.FIRST_REAL]
    moved = first[[f"{MOVED}{task}" for task in tasks_of(GROUP)]]
    common = moved.groupby(first["corpus"]).transform("mean")
    freedom = len(first) - first["corpus"].nunique()
    varying = float(((moved - common) ** 2).to_numpy().sum()) / freedom / float(items_of(GROUP).sum()) if freedom > 0 else float("nan")
    return {
        "first_rows": len(first),
        "first_gain": plain(first["gain"].mean()),
        "first_least": plain(first["least"].mean()),
        "first_varying": plain(varying),
    }


def _inverse(flips: list[float], means: list[float], target: float) -> float:
    """The flip rate at which the null's mean is ``target``, between the simulated ones (both scales logarithmic); NaN outside."""
    rising = np.maximum.accumulate(means)
    if not rising[0] <= target <= rising[-1] or target <= 0:
        return float("nan")
    return float(np.exp(np.interp(np.log(target), np.log(rising), np.log(flips))))


def _at(flips: list[float], curve: list[dict[str, float]], where: float | None) -> dict[str, float | None] | None:
    """The null at flip rate ``where``, between the simulated ones; None outside."""
    if where is None or not flips[0] <= where <= flips[-1]:
        return None
    return {key: plain(np.interp(np.log(where), np.log(flips), [point[key] for point in curve])) for key in curve[0]}


def _dialogue(frame: pd.DataFrame) -> dict[str, Any]:
    """What independent noise of the repeats' size would yield at the best of the fewest and the most candidates."""
    noise = repeats.within(frame)
    return {
        "means": {model: float(rows["gain"].mean()) for model, rows in models(frame).items()},
        "within": plain(noise),
        "fewest": plain(noise * null.expected_best(null.FEWEST)),
        "most": plain(noise * null.expected_best(null.MOST)),
    }
