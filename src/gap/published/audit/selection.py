"""How large a gain the choice of the best epoch makes on its own: the published gains against a null of no effect."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from gap.published.audit import null, repeats
from gap.published.audit.selection_figures import draw_curves, draw_distributions
from gap.published.audit.selection_table import captions, table
from gap.published.audit.selection_text import sentences
from gap.published.read import ITEMS, Published
from gap.published.rows import clusters, gains, models, tasks_of, unmodified
from gap.published.section import Figure, Sampling, Section
from gap.published.wording import pair, plain
from gap.stats.bootstrap import named_rng
from gap.stats.intervals import Interval

GROUP = "classification"
#: Start of the names of the columns with changes in right items.
MOVED = "moved_"


def section(data: Published, sampling: Sampling) -> Section:
    """Per model: observed mean and largest gain; the null's by flip rate and candidates; flip rates that match; dialogue.

    ``flips`` are shares of all items whose correctness changes in one real update; gains are fractions.
    """
    frame = gains(data, GROUP).join(_moved(data))
    simulated = {model: _simulate(data, model, sampling) for model in models(frame)}
    numbers: dict[str, Any] = {
        "items": int(_items().sum()),
        "tasks": len(_items()),
        "flips": list(null.FLIPS),
        "fewest": null.FEWEST,
        "most": null.MOST,
        "simulated_runs": null.FACTOR * sampling.simulations,
        "models": {model: _model(frame[frame["model"] == model], simulated[model], sampling) for model in simulated},
        "dialogue": _dialogue(gains(data, "dialogue")),
    }
    figures = (
        Figure(
            "published_null_gains",
            "Published gains and gains under no effect",
            captions(numbers)[0],
            partial(draw_distributions, frame, simulated),
        ),
        Figure(
            "published_null_curve",
            "Gain under no effect against the share of items that change",
            captions(numbers)[1],
            partial(draw_curves, numbers),
        ),
    )
    return Section(
        "selection",
        "How much the choice of the best epoch yields on its own",
        sentences(numbers, sampling),
        numbers,
        (table(numbers, sampling),),
        figures,
    )


def _items() -> np.ndarray:
    """Items of each classification task, int [tasks]."""
    return np.array([ITEMS[task] for task in tasks_of(GROUP)])


def _moved(data: Published) -> pd.DataFrame:
    """Of each row and task (columns): right items minus the unmodified model's; ``least``: the least share of all items changed.

    Per task, at least as many items changed as the number of right items differs by.
    """
    frame, tasks = data.rows[GROUP], tasks_of(GROUP)
    keys = list(zip(frame["model"], frame["corpus"], strict=True))
    base = unmodified(data, GROUP)[tasks].loc[keys].to_numpy(dtype=float)
    items = _items()
    change = pd.DataFrame(
        np.round((frame[tasks].to_numpy() - base) * items), index=frame.index, columns=[f"{MOVED}{task}" for task in tasks]
    )
    return change.assign(least=change.abs().sum(axis=1) / items.sum())


def _simulate(data: Published, model: str, sampling: Sampling) -> dict[str, dict[str, null.Runs]]:
    """Flip rate (as text; "independent" last) -> rule -> runs under no effect, from the model's commonest unmodified scores."""
    items = _items()
    right = np.round(data.baselines[GROUP].loc[model, tasks_of(GROUP)].to_numpy(dtype=float) * items).astype(int)
    most = null.independent_share(right, items)
    by_rate = {}
    for label, flips in {**{f"{flips:g}": flips for flips in null.FLIPS}, null.INDEPENDENT: most}.items():
        chain = null.counts(right, items, flips, null.FACTOR * sampling.simulations, named_rng(sampling.seed, f"selection/{model}/{label}"))
        by_rate[label] = {rule: null.best(chain, right, items, steps) for rule, steps in null.RULES.items()}
    return by_rate


def _model(rows: pd.DataFrame, simulated: dict[str, dict[str, null.Runs]], sampling: Sampling) -> dict[str, Any]:
    gain = rows["gain"].to_numpy()
    labels = clusters(rows)
    resamples = sampling.resample(labels, f"selection/{rows['model'].iloc[0]}")
    interval = resamples.interval(lambda positions: gain[positions].mean(axis=-1))
    unmodified_rows = (rows["epoch"] == 0).to_numpy()
    share = resamples.interval(lambda positions: unmodified_rows[positions].mean(axis=-1))
    runs = len(set(labels))
    curves = {rule: [_null(by_rule[rule], runs) for by_rule in simulated.values()] for rule in null.RULES}
    observed = {
        "rows": len(rows),
        "runs": runs,
        "mean": float(gain.mean()),
        "mean_interval": pair(interval),
        "largest": float(gain.max()),
        "unmodified": float(unmodified_rows.mean()),
        "unmodified_interval": pair(share),
        "least": plain(rows.loc[~unmodified_rows, "least"].mean()),
        **_first_update(rows),
    }
    return {"observed": observed, **{rule: _rule(curve, observed, interval) for rule, curve in curves.items()}}


def _rule(curve: list[dict[str, float]], observed: dict[str, Any], interval: Interval) -> dict[str, Any]:
    """The null by flip rate (independent evaluations last), the rates that match the published mean, and the null at rates of interest."""
    flips, known = list(null.FLIPS), curve[:-1]
    means = [point["mean"] for point in known]
    match = _inverse(flips, means, observed["mean"])
    return {
        "null": [{"flips": share, **_plain(point)} for share, point in zip([*flips, None], curve, strict=True)],
        "matching_flips": plain(match),
        "matching_interval": [plain(_inverse(flips, means, end)) for end in interval],
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
        "largest": null.expected_maximum(runs.gain, count),
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
    varying = float(((moved - common) ** 2).to_numpy().sum()) / freedom / float(_items().sum()) if freedom > 0 else float("nan")
    return {
        "first_rows": len(first),
        "first_gain": plain(first["gain"].mean()) if len(first) else None,
        "first_least": plain(first["least"].mean()) if len(first) else None,
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
        "means": {model: float(frame.loc[frame["model"] == model, "gain"].mean()) for model in models(frame)},
        "within": plain(noise),
        "fewest": plain(noise * null.expected_best(null.FEWEST)),
        "most": plain(noise * null.expected_best(null.MOST)),
    }
