"""Time and memory of `gap estimate` on simulated scores of the paper's size: 3 models, 900 runs of 15 steps, 3,595 items of 12 tasks.

python benchmarks/estimate.py [texts per corpus]
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from simulated import Simulation, simulate  # noqa: E402

from gap.estimate.stage import MAKERS  # noqa: E402
from gap.estimate.verdicts import verdicts  # noqa: E402
from gap.params.preregistration import Preregistration  # noqa: E402
from gap.params.preregistration_file import read_preregistration  # noqa: E402

ITEMS = {
    "piqa": 320,
    "hellaswag": 320,
    "arc_easy": 320,
    "arc_challenge": 295,
    "copa": 100,
    "winogrande": 320,
    "math_qa": 320,
    "pubmed_qa": 320,
}
DIALOGUE = ("blended_skill_talk", "empathetic_dialogues", "wizard_of_internet", "wizard_of_wikipedia")


def peak() -> float:
    """Peak resident memory, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(texts: int) -> None:
    start = time.perf_counter()
    tasks = tuple((ITEMS | dict.fromkeys(DIALOGUE, 320)).items())
    shape = Simulation(
        subjects=("350m", "1.3b", "2.7b"), references=("6.7b",), corpora=("tdec", "cc", "git"), texts=texts, steps=15, tasks=tasks
    )
    samples = simulate(shape)
    checkpoints = sum(len(cube.runs) * (len(cube.steps) - 1) for cube in samples.cubes.values())
    print(f"simulated {checkpoints} checkpoints x {sum(dict(tasks).values())} items: {time.perf_counter() - start:.1f} s, {peak():.2f} GiB")
    for name, make in MAKERS.items():
        begin = time.perf_counter()
        rows = len(make(samples))
        print(f"{name}: {rows} rows, {time.perf_counter() - begin:.1f} s, {peak():.2f} GiB", flush=True)
    begin = time.perf_counter()
    verdicts(samples, Preregistration.model_validate(read_preregistration("paper", ROOT / "preregistration.yaml")))
    print(f"verdicts: {time.perf_counter() - begin:.1f} s; all: {time.perf_counter() - start:.1f} s, {peak():.2f} GiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
