"""Runs under no effect: items change between right and wrong at random, and the accuracy goes nowhere on average.

Every item is right or wrong at each evaluation.  A real update turns a right item wrong with probability (1 - p)(1 - r)
and a wrong one right with p (1 - r), where p is the unmodified model's accuracy on the task: the expected accuracy stays p,
and r in [0, 1) is the correlation between one item's correctness before and after the update.  r = 0 draws every
evaluation afresh (a binomial with the task's n and p); r near 1 keeps nearly every answer.  Items change independently of
each other, so the number of right items is a chain of its own and need not be simulated item by item.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import integrate, stats

from gap.published.rows import FIRST_REAL, LAST_EPOCH, PATIENCE, SAME, STOP_FROM

#: Real updates that are evaluated: at most, and at least (the run that is stopped at once).
MOST = LAST_EPOCH - FIRST_REAL + 1
FEWEST = STOP_FROM + PATIENCE - FIRST_REAL
#: Shares of items that change in one real update, besides evaluations that share nothing.
FLIPS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
INDEPENDENT = "independent"
#: Ways to count a run's candidates: the fewest the stop allows, the stop as the classification averages alone decide it, all.
RULES: dict[str, int | None] = {"fewest": FEWEST, "stop": None, "most": MOST}
#: Runs simulated per simulation asked for: the largest of 300 needs a fine upper tail.
FACTOR = 2


@dataclass(frozen=True)
class Runs:
    """``gain`` float64 [runs]: best average minus the unmodified one, at least 0; ``step`` int [runs]: real updates at the
    best, 0 for the unmodified model; ``changed_fraction`` float64 [runs]: share of all items by which the tasks' counts differ there
    from the unmodified model's, the least share of items that must have changed."""

    gain: np.ndarray
    step: np.ndarray
    changed_fraction: np.ndarray


def independent_share(right: np.ndarray, items: np.ndarray) -> float:
    """Share of all items that change between two independent evaluations, from right items and items per task [tasks]."""
    return float((2 * right * (1 - right / items)).sum() / items.sum())


def counts(right: np.ndarray, items: np.ndarray, flips: float, runs: int, random: np.random.Generator) -> np.ndarray:
    """Right items after every real update, int [MOST, runs, tasks].

    Parameters
    ----------
    right, items: the unmodified model's right items, and all items, of each task [tasks].
    flips: expected share of all items whose correctness changes in one real update, at most ``independent_share``.
    """
    p = right / items
    changed = min(1.0, flips / independent_share(right, items))
    now = np.broadcast_to(right, (runs, len(right)))
    chain = np.empty((MOST, runs, len(right)), dtype=int)
    for step in range(MOST):
        now = now - random.binomial(now, (1 - p) * changed) + random.binomial(items - now, p * changed)
        chain[step] = now
    return chain


def best(chain: np.ndarray, right: np.ndarray, items: np.ndarray, steps: int | None) -> Runs:
    """The best evaluation of every run of ``chain`` (see ``counts``); the earliest of equals.

    ``steps``: how many real updates a run has; None: until the authors' stop, with the dialogue average never at its
    maximum again, which is the earliest stop that the rule allows for these classification averages.
    """
    change = ((chain - right) / items).mean(axis=2)
    allowed = np.arange(MOST)[:, None] < steps if steps is not None else _until_stop(change)
    change = np.where(allowed, change, -np.inf)
    gain, step = change.max(axis=0), change.argmax(axis=0) + 1
    # The first step within rounding of the maximum, as a strict comparison along the run would choose.
    step = np.where(gain > SAME, (change >= gain - SAME).argmax(axis=0) + 1, 0)
    at_best = chain[np.maximum(step - 1, 0), np.arange(chain.shape[1])]
    changed_fraction = np.where(step > 0, np.abs(at_best - right).sum(axis=1) / items.sum(), 0.0)
    return Runs(np.maximum(gain, 0.0), step, changed_fraction)


def _until_stop(change: np.ndarray) -> np.ndarray:
    """Which evaluations [steps, runs] take place under the authors' stop."""
    highest = np.maximum.accumulate(np.vstack([np.zeros(change.shape[1]), change]), axis=0)[:-1]
    epochs = np.arange(change.shape[0])[:, None] + FIRST_REAL
    against = np.cumsum((change < highest - SAME) & (epochs >= STOP_FROM), axis=0)
    before = np.vstack([np.zeros((1, change.shape[1]), dtype=int), against[:-1]])
    return before < PATIENCE


def expected_best(steps: int) -> float:
    """Expected largest of 0 and ``steps`` independent standard normal numbers: integral of 1 - Phi(x)^steps over x > 0."""
    value, _ = integrate.quad(lambda x: 1 - stats.norm.cdf(x) ** steps, 0, np.inf)
    return float(value)
