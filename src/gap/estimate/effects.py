"""Per model, method, corpus, policy and task: the mean difference to the unmodified model, and what can be said of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from gap.aggregate.study_index import ALL
from gap.core.tables import TABLES
from gap.estimate.choices import SPLIT_HALF, policies
from gap.estimate.cubes import Cube
from gap.estimate.samples import Samples
from gap.stats.multiple_testing import benjamini_hochberg, holm
from gap.stats.order_statistics import expected_maximum
from gap.stats.sign_flip import sign_flip_p

if TYPE_CHECKING:
    import pandas as pd

ALPHA, POWER = 0.05, 0.8
#: Policies whose choice is made by the scores that are reported, whose bias is their mean minus that of ``split_half``.
BIASED = ("best", "authors")
#: Chosen on one split, reported on another.
VALIDATION_TEST = "validation_test"


def effects(samples: Samples) -> pd.DataFrame:
    """Table ``effects``: tasks and averages over all corpora, averages by corpus.

    Policy ``validation_test`` chooses as ``best`` does on the study's first split, and reports the second.
    """
    import pandas as pd

    rows = []
    for cube, policy in product(samples.cubes.values(), policies(samples.study)):
        rows += _family(samples, cube, policy, ALL, [*samples.study.tasks(ALL), *samples.averages])
        for corpus in samples.study.corpora if len(samples.study.corpora) > 1 else ():
            rows += _family(samples, cube, policy, corpus, samples.averages)
    if (held_out := samples.held_out) is not None:
        for cube in held_out.cubes.values():
            family = _family(held_out, cube, "best", ALL, [*held_out.study.tasks(ALL), *held_out.averages])
            rows += [row | {"policy": VALIDATION_TEST} for row in family]
    return pd.DataFrame(rows, columns=list(TABLES["effects"]))


def _family(samples: Samples, cube: Cube, policy: str, corpus: str, names: list[str]) -> list[dict[str, Any]]:
    """The rows of one model, method, policy and corpus; p-values are corrected over its tasks."""
    at = samples.rows(cube, corpus)
    if not len(at):
        return []
    parts = {task: part[at] for task, part in samples.parts(cube.model, cube.method, policy).items()}
    by_run = np.stack([run_means([parts[task] for task in samples.tasks(name)]) for name in names], axis=1)
    p_values = sign_flip_p(by_run, samples.rng(f"signs/{cube.model}/{cube.method}/{policy}/{corpus}"))
    rows = []
    for name, p in zip(names, p_values, strict=True):
        tasks = samples.tasks(name)
        found = samples.estimate([parts[task] for task in tasks], tasks, f"{cube.model}/{cube.method}/{corpus}")
        rows.append(
            {"model": cube.model, "method": cube.method, "corpus": corpus, "policy": policy, "task": name}
            | {"baseline": float(np.mean([samples.bases[cube.model][task].mean() for task in tasks]))}
            | found.numbers()
            | {"p": float(p), "mcnemar_p": _mcnemar(samples, cube, policy, name, at), "flip_rate": _flips(samples, cube, policy, tasks, at)}
            | {"detectable": found.crossed.detectable(ALPHA, POWER), "power": found.crossed.power(found.crossed.mean, ALPHA)}
        )
    tested = [row for row in rows if row["task"] not in samples.averages]
    for row in rows:
        row |= {"p_holm": np.nan, "p_bh": np.nan, "mcnemar_holm": np.nan}
    for column, source, correct in (("p_holm", "p", holm), ("p_bh", "p", benjamini_hochberg), ("mcnemar_holm", "mcnemar_p", holm)):
        known = [row for row in tested if not np.isnan(row[source])]
        for row, value in zip(known, correct([row[source] for row in known]), strict=True):
            row[column] = value
    return rows


def run_means(parts: list[np.ndarray]) -> np.ndarray:
    """Mean over tasks of each run's mean over items, float64 [runs]."""
    return np.mean([part.mean(axis=1, dtype=float) for part in parts], axis=0)


def _flips(samples: Samples, cube: Cube, policy: str, tasks: list[str], at: np.ndarray) -> float:
    """Share of items whose score changed, mean over tasks."""
    shares = []
    for task in tasks:
        changed = (np.abs(cube.differences(task)) > 0).astype(np.float32)
        shares.append(float(samples.choice(cube, policy, task).apply(changed, task)[at].mean()))
    return float(np.mean(shares))


def _mcnemar(samples: Samples, cube: Cube, policy: str, task: str, at: np.ndarray) -> float:
    """Exact McNemar test of what most runs answer against the unmodified model; NaN for averages, dialogue and halves.

    An item on which as many runs are right as wrong counts as unchanged.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    if task in samples.averages or samples.study.task_entries[task].group != "classification" or policy == SPLIT_HALF:
        return float("nan")
    before = samples.bases[cube.model][task] > 0
    right = before + samples.parts(cube.model, cube.method, policy)[task][at].mean(axis=0, dtype=float) / 100
    after = np.where(np.isclose(right, 0.5), before, right > 0.5)
    table = [[int((before & after).sum()), int((before & ~after).sum())], [int((~before & after).sum()), int((~before & ~after).sum())]]
    return float(min(1.0, mcnemar(table, exact=True).pvalue))


def selection_bias(samples: Samples) -> pd.DataFrame:
    """Table ``selection_bias``: what a policy that chooses by the reported scores gains over choosing by other items."""
    import pandas as pd

    rows = []
    for cube, policy, name in product(samples.cubes.values(), BIASED, samples.averages):
        tasks = samples.tasks(name)
        chosen, honest = (samples.parts(cube.model, cube.method, one) for one in (policy, SPLIT_HALF))
        found = samples.estimate([chosen[task] - honest[task] for task in tasks], tasks, f"{cube.model}/{cube.method}/{ALL}")
        rows.append({"model": cube.model, "method": cube.method, "policy": policy, "task": name} | found.numbers())
    return pd.DataFrame(rows, columns=list(TABLES["selection_bias"]))


def expected_maxima(samples: Samples) -> pd.DataFrame:
    """Table ``expected_maxima``: the expected best of k runs, k = 1 to all of them."""
    import pandas as pd

    rows = [
        {"model": cube.model, "method": cube.method, "policy": policy, "task": name, "k": k, "difference": expected_maximum(gains, k)}
        for cube, policy, name in product(samples.cubes.values(), policies(samples.study), samples.averages)
        for gains in [_gains(samples, cube, policy, name)]
        for k in _sizes(len(gains))
    ]
    return pd.DataFrame(rows, columns=list(TABLES["expected_maxima"]))


def _gains(samples: Samples, cube: Cube, policy: str, name: str) -> np.ndarray:
    parts = samples.parts(cube.model, cube.method, policy)
    return run_means([parts[task] for task in samples.tasks(name)])


def _sizes(runs: int) -> list[int]:
    """1, 2, ... 10, then about ten per factor of ten, up to all runs."""
    return sorted({size for size in (*range(1, 11), *np.geomspace(10, max(runs, 10), 20).round().astype(int).tolist()) if size <= runs})


def leave_one_out(samples: Samples) -> pd.DataFrame:
    """Table ``leave_one_out``: every average without one of its tasks."""
    import pandas as pd

    rows = []
    for cube, policy, name in product(samples.cubes.values(), policies(samples.study), samples.averages):
        for left, tasks in _rests(samples.tasks(name)):
            parts = samples.parts(cube.model, cube.method, policy)
            found = samples.estimate([parts[task] for task in tasks], tasks, f"{cube.model}/{cube.method}/{ALL}")
            row = {"model": cube.model, "method": cube.method, "policy": policy, "task": name, "left_out": left}
            rows.append(row | found.numbers())
    return pd.DataFrame(rows, columns=list(TABLES["leave_one_out"]))


def _rests(tasks: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each task, and the others; nothing where there is one."""
    for left in tasks if len(tasks) > 1 else ():
        yield left, [task for task in tasks if task != left]
