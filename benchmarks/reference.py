"""How far `gap score` stands from float64: every continuation of the first items of each task, and the reference answers of dialogues.

    python benchmarks/reference.py MODEL [--items 40] [--json FILE]

The reference is as plain as can be: weights in float64, one sequence at a time, transformers' own logits, no batches, no cache.  MODEL is
what `gap score` takes.  Items come from GAP_MIRROR where it is set, else from the hub.  With FILE a killed run goes on at the task where it was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from naive import naive_sum  # noqa: E402

from gap.core.files import write_text  # noqa: E402
from gap.core.tables import read_table  # noqa: E402
from gap.tasks.items import Dialogue, load_items  # noqa: E402


def scored(model: str, items: int, *more: str) -> dict[str, Any]:
    """What `gap score --json` says; its progress goes to the screen."""
    command = ["gap", "score", model, "--items", str(items), "--json", *more]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def differences(network: Any, tokenizer: Any, task: dict[str, Any], max_length: int) -> np.ndarray:
    """Stored minus reference log-probability (nats) of every continuation of a task's items."""
    rows = read_table(Path(task["table"]), "item_scores", ["item", "item_hash", "log_probabilities", "nll"])
    found = []
    for item, (_, row) in zip(scored_items(task, rows), rows.iterrows(), strict=True):
        if isinstance(item, Dialogue):
            found.append(-row["nll"] - naive_sum(network, tokenizer, item.prompt, f" {item.reference}", max_length))
        else:
            sums = [naive_sum(network, tokenizer, item.context, text, max_length) for text in item.continuations]
            found += (np.array(row["log_probabilities"], dtype=float) - sums).tolist()
    return np.array(found)


def scored_items(task: dict[str, Any], rows: Any) -> list[Any]:
    """The items of a table of scores, from the file that `gap score` took them from."""
    files = Path(".gap/score/items").glob(f"{task['task']}-*/{task['split']}.jsonl")
    loaded = (load_items(task["task"], path, len(rows)) for path in files)
    return next(items for items in loaded if [item.hash for item in items] == rows["item_hash"].tolist())


def main(model: str, items: int, out: Path | None) -> dict[str, Any]:
    """Per task how many continuations, and the largest and the root-mean-square difference in nats; tasks that ``out`` holds are kept."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    report = scored(model, items)
    folder, limit = report["model"]["folder"], report["settings"]["max_length"]
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    results = {"model": report["model"]["identity"], "items": items, "precision": report["settings"]["precision"], "tasks": {}}
    if out and out.exists():
        before = json.loads(out.read_text(encoding="utf-8"))
        results["tasks"] = before["tasks"] if before == results | {"tasks": before["tasks"]} else {}
    found = results["tasks"]
    print(f"{'task':24} {'continuations':>13} {'largest':>9} {'rms':>9}  nats")
    for task in report["tasks"]:
        begin, name = time.perf_counter(), task["task"]
        if name not in found:
            apart = differences(network, tokenizer, task, limit)
            found[name] = {"continuations": len(apart), "largest": float(np.abs(apart).max()), "rms": float(np.sqrt(np.mean(apart**2)))}
            if out:
                write_text(out, json.dumps(results, indent=1) + "\n")
        row = found[name]
        print(
            f"{name:24} {row['continuations']:13} {row['largest']:9.2g} {row['rms']:9.2g}  {time.perf_counter() - begin:.0f} s", flush=True
        )
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    main(arguments.model, arguments.items, arguments.json)
