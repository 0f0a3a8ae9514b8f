"""Accuracies of SmolLM2 135M Instruct by `gap score`, beside those of its model card.

    python benchmarks/model_card.py MODEL [--items 320] [--json FILE]

MODEL is the GGUF file that study `small` takes (docs/extending.md), or what else `gap score` takes.  Items come from GAP_MIRROR where it is
set, else from the hub.  A killed run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from reference import scored, scored_items

from gap.core.tables import read_table
from gap.estimate.rescore import choice_values
from gap.evaluate.any_model.settings import TASKS
from gap.tasks.registry import known_task

CLASSIFICATION = [name for name in TASKS if known_task(name).group == "classification"]

#: Shares of right answers, in per cent, zero-shot, as the model's authors state them for the model in bf16
#: (https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct, section "Instruction model"); their harness is lighteval, and their
#: ARC is the mean of both sets.  lighteval chooses by log-probability per character, as lm-eval's acc_norm does.
CARD = {"hellaswag": 40.9, "arc": 37.3, "piqa": 66.3}


def per_character(task: dict[str, Any]) -> float:
    """Share of items that are right by log-probability per character."""
    rows = read_table(Path(task["table"]), "item_scores")
    return float(choice_values(rows, scored_items(task, rows))["acc_norm"].mean())


def main(model: str, items: int) -> dict[str, Any]:
    """Scores per task with their intervals, as fractions, and the card's for the tasks that it names."""
    report = scored(model, items, "--tasks", ",".join(CLASSIFICATION))
    tasks = {
        task["task"]: {
            "items": task["items"], "metric": task["metric"], "score": task["score"],
            "low": task["interval"][0], "high": task["interval"][1], "chance": task["chance"], "acc_norm": per_character(task),
        }
        for task in report["tasks"]
    }  # fmt: skip
    card = {}
    for name, value in CARD.items():
        ours = [tasks[task]["acc_norm"] for task in (("arc_easy", "arc_challenge") if name == "arc" else (name,))]
        card[name] = {"card": value / 100, "ours": sum(ours) / len(ours)}
    return {
        "model": report["model"]["identity"],
        "settings": report["settings"],
        "opening": report["opening"],
        "tasks": tasks,
        "card": card,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--items", type=int, default=320)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = main(arguments.model, arguments.items)
    for name, row in results["card"].items():
        print(f"{name:12} {row['ours']:.3f} here by acc_norm, {row['card']:.3f} on the card")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
