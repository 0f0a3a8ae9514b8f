"""What a finished pilot says for the study that it was made for: the learning rate by a fixed rule, and what that study can see.

    python benchmarks/pilot.py [--study pilot] [--json FILE]

Read are results/STUDY/plan.json, the item scores, and which step of a run is its last.  Of scores, the first table uses only whether a
prediction is another one than the unmodified model's, the others only how much differences vary: no table says whether anything became
better.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from gap.aggregate.study_index import StudyIndex, study_index
from gap.core.files import read_object
from gap.core.tables import read_table
from gap.estimate.cubes import Cube, read_cubes
from gap.stats.two_way import CrossedMean, crossed_mean

#: The rule of docs/preregistration.md: the paper's rate, unless the share at it is outside the bounds; then the share nearest to the target.
PAPER, BOUNDS, TARGET = 5e-05, (0.01, 0.15), 0.05
ALPHA, POWER = 0.05, 0.8
RUNS, ITEMS = (16, 32, 64), (20, 40, 80, 160)


def changed(cube: Cube, tasks: list[str]) -> np.ndarray:
    """Share of items whose prediction differs from the unmodified model's, float [runs, steps], each item of each task the same weight."""
    answers = np.concatenate([cube.answers[task] for task in tasks], axis=2)
    return np.asarray((answers != answers[:, :1]).mean(axis=2))


def chosen(shares: dict[float, float]) -> float:
    """The learning rate that the rule takes; ``shares`` by learning rate."""
    if BOUNDS[0] <= shares[PAPER] <= BOUNDS[1]:
        return PAPER
    return min(shares, key=lambda rate: abs(shares[rate] - TARGET))


def scaled(found: CrossedMean, runs: int, items: int) -> CrossedMean:
    """The variances with other numbers of runs and of items in all; a negative component counts as 0."""
    more_runs, more_items = runs / found.runs, items / found.items
    cell = found.by_cell / (more_runs * more_items)
    by_run = max(found.by_run - found.by_cell, 0.0) / more_runs + cell
    by_item = max(found.by_item - found.by_cell, 0.0) / more_items + cell
    return CrossedMean(found.mean, runs, items, by_run, by_item, cell)


def components(study: StudyIndex, cube: Cube, group: str) -> list[CrossedMean]:
    """Of the differences to the unmodified model at each scored step, points; the average is over ``group`` (``all``: over all tasks)."""
    tasks = study.tasks(group)
    return [crossed_mean([cube.differences(task)[:, place] for task in tasks]) for place in range(1, len(cube.steps))]


def read(name: str) -> tuple[StudyIndex, dict[float, Cube]]:
    """The study and its cubes by learning rate; the subject is the first model."""
    study = study_index(read_object(Path("results") / name / "plan.json"))
    cubes, _ = read_cubes(study, read_table(study.path("selections"), "selections"))
    rates = {method: float(method.split("-", 1)[1]) for method in study.methods}  # names of a sweep end with the value
    model = next(iter(study.subjects))
    return study, {rates[method]: cubes[model, method] for method in study.methods_of(model)}


def main(name: str) -> dict[str, Any]:
    study, cubes = read(name)
    choices = study.tasks("classification")
    at = {rate: changed(cube, choices) for rate, cube in sorted(cubes.items())}
    print(f"| learning rate | {' | '.join(f'step {step}' for step in next(iter(cubes.values())).steps[1:])} | by corpus, last step |")
    for rate, share in at.items():
        corpora = ", ".join(f"{run['corpus']} {row[-1]:.1%}" for run, row in zip(cubes[rate].runs, share, strict=True))
        print(f"| {rate:g} | {' | '.join(f'{value:.1%}' for value in share.mean(axis=0)[1:])} | {corpora} |")
    rate = chosen({rate: float(share[:, -1].mean()) for rate, share in at.items()})
    print(f"\nTaken by the rule: {rate:g}\n")
    cube, found = cubes[rate], {}
    for place, step in enumerate(cube.steps[1:], 1):
        flips = {task: float((cube.differences(task)[:, place] != 0).mean()) for task in study.tasks("all")}
        print(f"step {step}, share of items whose score changes: " + ", ".join(f"{task} {share:.0%}" for task, share in flips.items()))
    for group in ("classification", "dialogue", "all"):
        for step, crossed in zip(cube.steps[1:], components(study, cube, group), strict=True):
            tasks = len(study.tasks(group))
            table = {
                f"{runs} runs, {items} items a task": scaled(crossed, runs, items * tasks).detectable(ALPHA, POWER)
                for runs in RUNS
                for items in ITEMS
            }
            found[f"{group}, step {step}"] = table
            print(f"\n{group}, step {step}: smallest detectable difference, points (columns: {', '.join(map(str, ITEMS))} items a task)")
            for runs in RUNS:
                print(f"  {runs:3d} runs  " + "  ".join(f"{table[f'{runs} runs, {items} items a task']:5.2f}" for items in ITEMS))
    return {"learning_rate": rate, "changed": {f"{rate:g}": share.mean(axis=0).tolist() for rate, share in at.items()}, "detectable": found}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="pilot")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = main(arguments.study)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
