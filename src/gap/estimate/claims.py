"""The paper's four claims as contrasts: of each model one or several means over runs and items, with the bound that each is held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gap.aggregate.study_index import ALL, texts_of
from gap.estimate.cubes import Cube
from gap.estimate.samples import STUDENT, Estimate, Samples
from gap.params.preregistration import Preregistration
from gap.stats.two_way import crossed_mean


@dataclass(frozen=True)
class Contrast:
    """A mean in points that must be above ``bound`` for the claim to hold; ``against`` says what of."""

    estimate: Estimate
    bound: float
    against: str


@dataclass(frozen=True)
class Evidence:
    """What a claim rests on for one model: the claim holds if all contrasts are above their bounds and ``holds`` is true.

    ``missing`` says why there is nothing to judge; empty where there is.
    """

    policy: str
    average: str
    contrasts: tuple[Contrast, ...] = ()
    missing: str = ""
    holds: bool = True


@dataclass(frozen=True)
class Reading:
    """Which runs count, all or those without some ``texts``; and the ``task`` that averages are without, none where empty."""

    name: str
    texts: frozenset[int]
    task: str = ""

    def tasks(self, samples: Samples, average: str) -> list[str]:
        """The tasks of an average that count; all where nothing else would be left."""
        tasks = samples.tasks(average)
        return [task for task in tasks if task != self.task] or tasks

    def estimate(self, samples: Samples, parts: list[np.ndarray], tasks: list[str], name: str) -> Estimate:
        """As ``Samples.estimate``; without a task for the test alone, so nothing is resampled."""
        if not self.task:
            return samples.estimate(parts, tasks, name)
        crossed = crossed_mean(parts)
        return Estimate(crossed, crossed.interval(samples.level), STUDENT)

    def rows(self, samples: Samples, cube: Cube, corpus: str = ALL) -> np.ndarray:
        """Positions of the runs that count."""
        return samples.rows(cube, corpus, lambda run: not self.texts & set(texts_of(run)))


def gain(samples: Samples, cube: Cube, rules: Preregistration, reading: Reading) -> Evidence:
    """Claim 1: the mean gain is above the threshold."""
    rule, average = rules.gain, samples.average(rules.gain.average)
    tasks, at = reading.tasks(samples, average), reading.rows(samples, cube)
    if not len(at):
        return Evidence(rule.policy, average, missing="no runs")
    parts = samples.parts(cube.model, cube.method, rule.policy)
    found = reading.estimate(samples, [parts[task][at] for task in tasks], tasks, f"claims/{cube.model}/{len(at)}")
    return Evidence(rule.policy, average, (Contrast(found, rule.threshold, "the unmodified model"),))


def larger(samples: Samples, cube: Cube, rules: Preregistration, reading: Reading) -> Evidence:
    """Claim 2: the score is not below the larger unmodified model's by the margin or more; paired by item."""
    rule, average = rules.larger, samples.average(rules.larger.average)
    tasks, at, models = reading.tasks(samples, average), reading.rows(samples, cube), list(samples.study.models)
    other = rule.larger.get(cube.model) or next(iter(models[models.index(cube.model) + 1 :]), "")
    if not len(at):
        return Evidence(rule.policy, average, missing="no runs")
    if other not in models:
        return Evidence(rule.policy, average, missing=f"no model {other}" if other else "no larger model in the study")
    parts = samples.parts(cube.model, cube.method, rule.policy)
    ahead = {task: samples.bases[cube.model][task] - samples.bases[other][task] for task in tasks}
    found = reading.estimate(samples, [parts[task][at] + ahead[task] for task in tasks], tasks, f"claims/{cube.model}/{len(at)}")
    return Evidence(rule.policy, average, (Contrast(found, -rule.margin, samples.study.models[other]),))


def corpora(samples: Samples, cube: Cube, rules: Preregistration, reading: Reading) -> Evidence:
    """Claim 3: the gain on one corpus is above that on each of the others; paired by index of the text, and by item."""
    rule, average = rules.corpora, samples.average(rules.corpora.average)
    names, tasks = list(samples.study.corpora), reading.tasks(samples, average)
    target = rule.corpus or names[-1]
    others = [name for name in rule.others or names if name != target]
    unknown = [name for name in (target, *others) if name not in names]
    if unknown or not others:
        return Evidence(rule.policy, average, missing=f"no corpus {', '.join(unknown)}" if unknown else "no other corpus")
    parts = samples.parts(cube.model, cube.method, rule.policy)
    by_text = {name: {cube.runs[at]["text"]: at for at in reading.rows(samples, cube, name)} for name in (target, *others)}
    contrasts = []
    for name in others:
        texts = sorted(by_text[target].keys() & by_text[name].keys())
        if not texts:
            return Evidence(rule.policy, average, missing=f"no text index that {target} and {name} share")
        first, second = ([by_text[corpus][text] for text in texts] for corpus in (target, name))
        paired = [parts[task][first] - parts[task][second] for task in tasks]
        found = reading.estimate(samples, paired, tasks, f"claims/{cube.model}/texts/{len(texts)}")
        contrasts.append(Contrast(found, rule.threshold, samples.study.corpora[name]))
    return Evidence(rule.policy, average, tuple(contrasts))


def steps(samples: Samples, cube: Cube, rules: Preregistration, reading: Reading) -> Evidence:
    """Claim 4: the step with the best mean is not beyond the bound, and the score at the bound is not below that of any later step.

    The unmodified model is no step: where all steps lose, the one with the best mean is still one of them.
    """
    rule, average = rules.steps, samples.average(rules.steps.average)
    tasks, at = reading.tasks(samples, average), reading.rows(samples, cube)
    within = int(np.flatnonzero(cube.steps <= rule.bound)[-1])
    policy = f"step {cube.steps[within]}"
    differences = {task: cube.differences(task)[at] for task in tasks}
    reached = cube.reached[at]
    later = [place for place in range(within + 1, len(cube.steps)) if (reached[:, within] & reached[:, place]).sum() >= 1]
    if not within or not later:
        return Evidence(policy, average, missing=f"no step {'beyond' if within else 'up to'} {rule.bound} was scored")
    contrasts = []
    for place in later:
        both = reached[:, within] & reached[:, place]
        lost = [differences[task][both][:, within] - differences[task][both][:, place] for task in tasks]
        found = reading.estimate(samples, lost, tasks, f"claims/{cube.model}/{int(both.sum())}")
        contrasts.append(Contrast(found, -rule.margin, f"step {cube.steps[place]}"))
    means = [np.mean([differences[task][reached[:, place], place].mean() for task in tasks]) for place in range(1, later[-1] + 1)]
    return Evidence(policy, average, tuple(contrasts), holds=int(np.argmax(np.round(means, 9))) + 1 <= within)


#: Claim -> what gathers a model's evidence.
EVIDENCE: dict[str, Callable[[Samples, Cube, Preregistration, Reading], Evidence]] = {
    "gain": gain,
    "larger": larger,
    "corpora": corpora,
    "steps": steps,
}


def evidence(samples: Samples, rules: Preregistration, reading: Reading) -> dict[str, dict[str, Evidence]]:
    """Claim -> subject -> evidence of the study's own method."""
    cubes: dict[str, Any] = {model: samples.cubes.get((model, samples.study.primary)) for model in samples.study.subjects}
    return {
        claim: {model: gather(samples, cube, rules, reading) for model, cube in cubes.items() if cube is not None}
        for claim, gather in EVIDENCE.items()
    }
