"""What the paper's study costs: tokens, operations and jobs counted exactly, and hours from a measurement or from stated assumptions.

    python benchmarks/paper_plan.py                         # counts, and hours at assumed utilisations
    python benchmarks/paper_plan.py --measured FILE         # FILE: scorer.py --device cuda --json FILE

Counts need the real items and OPT's tokenizer (GAP_MIRROR).  Operations are those of the algorithm, padding left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from flops import PEAK, Counts, count_choices, count_dialogues, operations

#: Bytes per second of one H200's memory (the maker's data sheet).
BANDWIDTH = 4.8e12
#: Assumed where nothing was measured: share of the peak in forward passes and in the 200 tokens of an update, share of the
#: bandwidth in decoding and in the optimizer, seconds of start-up per job.
ASSUMED = {"forward": 0.40, "update": 0.10, "bandwidth": 0.60, "job_seconds": 20.0}
#: Bytes moved per weight by one replayed update over fp32 weights: gradient written and read, Adam's two moments read and
#: written, weight read and written, and the digest's read.
UPDATE_BYTES = 4 * (2 + 4 + 2 + 1)
TEXT_TOKENS = 200
SUBJECTS = {"opt-350m": "opt-350m", "opt-1.3b": "opt-1.3b", "opt-2.7b": "opt-2.7b"}


def counted(items: int) -> tuple[Counts, Counts, int]:
    """Multiple choice, dialogue, and the number of jobs that the tasks of the paper's study are cut into."""
    import yaml
    from peers import NEW, settings
    from workload import VOCABULARY, Workload, make_model, workload_of

    from gap.evaluate.encoding.encode import encode_items
    from gap.evaluate.scoring.dialogue import encode_dialogues
    from gap.params.load import load_study
    from gap.tasks.items import Dialogue

    root = Path(__file__).resolve().parents[1]
    study: Any = load_study(root / "params.yaml", {"study": yaml.safe_load("paper")})
    from gap.plan.plan import Plan
    from gap.plan.stages.evaluate import task_groups

    plan = Plan(study)
    splits = plan.task_splits
    choice, dialogue, model = Counts(), Counts(), make_model("tiny", "cpu")
    assert model.config.vocab_size == VOCABULARY
    for task, split in splits:
        load: Workload = workload_of(items, (task,), split)
        own: Any = load.items[task]
        if isinstance(own[0], Dialogue):
            dialogue.add(count_dialogues(encode_dialogues(own, load.tokenizer, settings(16384), model, "cpu"), NEW - 1))
        else:
            choice.add(count_choices(encode_items(own, load.tokenizer, 512, 16384, "cpu")))
    return choice, dialogue, len(task_groups(plan))


def hours(arguments: argparse.Namespace) -> dict[str, Any]:
    """Counts, operations and hours by model and by what they go into."""
    from workload import SHAPES, VOCABULARY, parameters_of

    choice, dialogue, groups = counted(arguments.items)
    runs, steps, per_job = 3 * arguments.texts, arguments.steps, 3 * arguments.texts_per_job
    measured = json.loads(arguments.measured.read_text())["rows"] if arguments.measured else []
    found: dict[str, Any] = {"choice": asdict(choice), "dialogue": asdict(dialogue), "task_groups": groups, "models": {}}
    for shape in SUBJECTS:
        parameters = parameters_of(shape)
        one, other = (operations(SHAPES[shape], counts, parameters, VOCABULARY) for counts in (choice, dialogue))
        checkpoints, jobs = runs * steps + 1, groups * -(-runs // per_job)
        updates = runs * steps * groups  # the job of every group of tasks replays the run
        rate = _rates(measured, shape)
        seconds = {
            "forward passes": checkpoints * (one["prefill"] + other["prefill"]) / (PEAK * ASSUMED["forward"]),
            "decoding": checkpoints
            * max(other["decode_bytes"] / (BANDWIDTH * ASSUMED["bandwidth"]), other["decode"] / (PEAK * ASSUMED["forward"])),
            "replay": updates
            * (6 * parameters * TEXT_TOKENS / (PEAK * ASSUMED["update"]) + UPDATE_BYTES * parameters / (BANDWIDTH * ASSUMED["bandwidth"])),
            "starting jobs": jobs * ASSUMED["job_seconds"],
        }
        if rate:
            scored = checkpoints * (choice.items * rate["ours"] + dialogue.items * rate["ours-dialogue"])
            seconds = {"scoring (measured)": scored, "replay": seconds["replay"], "starting jobs": seconds["starting jobs"]}
        found["models"][shape] = {
            "parameters": parameters, "checkpoints": checkpoints, "jobs": jobs, "updates_replayed": updates,
            "petaflop_per_checkpoint": (one["prefill"] + other["prefill"] + other["decode"]) / 1e15,
            "hours": {name: value / 3600 for name, value in seconds.items()},
        }  # fmt: skip
    return found


def _rates(rows: list[dict[str, Any]], shape: str) -> dict[str, float]:
    """Measured seconds per item of that shape in bf16, by scorer; empty where one is missing."""
    found = {row["scorer"]: row["seconds"] / row["items"] for row in rows if row["shape"] == shape and row["dtype"] == "bf16"}
    return {name: found[name] for name in ("ours", "ours-dialogue")} if {"ours", "ours-dialogue"} <= set(found) else {}


def lines(found: dict[str, Any], measured: bool) -> list[str]:
    """The tables of docs/performance.md."""
    choice, dialogue = found["choice"], found["dialogue"]
    made = [
        f"One checkpoint, {found['task_groups']} jobs per shard: {choice['items'] + dialogue['items']:,} items, {choice['fed'] + dialogue['fed']:,} "
        f"tokens fed ({choice['fed']:,} multiple choice), {choice['looked'] + dialogue['looked']:,} positions through the head, at most "
        f"{dialogue['new']:,} further tokens decoded in {dialogue['passes']:,} passes.",
        "",
    ]
    basis = (
        "measured throughput"
        if measured
        else "ASSUMPTION, not measurement: " + ", ".join(f"{name} {value:g}" for name, value in ASSUMED.items())
    )
    kinds = list(next(iter(found["models"].values()))["hours"])
    made += [f"Hours on one H200 ({basis}):", "", "| model | checkpoints | jobs | PFLOP per checkpoint | " + " | ".join(kinds) + " | all |"]
    made.append("| --- " + "| ---: " * (4 + len(kinds)) + "|")
    total = 0.0
    for shape, row in found["models"].items():
        own = sum(row["hours"].values())
        total += own
        parts = " | ".join(f"{value:.1f}" for value in row["hours"].values())
        made.append(f"| {shape} | {row['checkpoints']:,} | {row['jobs']:,} | {row['petaflop_per_checkpoint']:.2f} | {parts} | {own:.1f} |")
    sums = {kind: sum(row["hours"][kind] for row in found["models"].values()) for kind in kinds}
    limit = max(sums, key=lambda kind: sums[kind])
    made += [
        "",
        f"All: {total:.0f} hours on one, {total / 8:.1f} on eight (jobs are independent). The largest part is {limit}: {sums[limit] / total:.0%}.",
    ]
    return made


def main() -> None:
    """Count, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measured", type=Path, help="result of scorer.py --device cuda")
    parser.add_argument("--json", type=Path, help="write everything here")
    for name, value in (("items", 320), ("texts", 100), ("steps", 15), ("texts-per-job", 10)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    found = hours(arguments)
    print("\n".join(lines(found, arguments.measured is not None)))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
