"""The table of docs/performance.md from a result of scorer.py.

python benchmarks/table.py benchmarks/results/cpu.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from scorer import RATIOS

NAMES = {
    "ours": "ours, trees",
    "ours-few": "ours, trees",
    "plain": "ours, one row per continuation",
    "hflm": "lm-eval HFLM, batch 64",
    "ours-once": "ours, trees, all tasks in one call",
    "hflm-once": "lm-eval HFLM, batch 64, all tasks in one call",
    "padded": "every choice padded to 512",
    "ours-dialogue": "ours: answers and loss in one",
    "generate": "HF generate (batch 64, left-padded), then a loss pass",
}


def _items(row: dict[str, Any], result: dict[str, Any]) -> str:
    """How many items, where a row has fewer than the first of its kind and shape."""
    first = next(
        one for one in result["rows"] if one["shape"] == row["shape"] and ("dialogue" in one["scorer"]) == ("dialogue" in row["scorer"])
    )
    return f" ({row['items']} items)" if row["items"] < first["items"] and row["scorer"] != "generate" else ""


def lines(result: dict[str, Any]) -> list[str]:
    """Both tables: what was measured, and the ratios against their goals."""
    made = [
        "| scorer | dtype | seconds per checkpoint | items/s | tokens/s | padding | FLOPs used | compiling, s | memory, MiB |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in result["rows"]:
        tokens = f"{row['tokens_per_second']:,.0f}" if "tokens" in row else ""
        padding = f"{row['padding_share']:.0%}" if "tokens" in row else ""
        used = f"{row['utilisation']:.0%}" if "utilisation" in row else ""
        made.append(
            f"| {NAMES[row['scorer']]}{_items(row, result)} | {row['dtype']} | {row['seconds']:.2f} | {row['items_per_second']:.1f} | {tokens} | {padding} | {used} | "
            f"{row['compile_seconds']:.2f} | {row['memory_mib']:,.0f} |"
        )
    made += ["", "| ratio | measured | goal | |", "| --- | ---: | ---: | --- |"]
    gpu = result["machine"]["gpu"] is not None
    for name, (slow, fast, dtype, on_cpu, on_gpu) in RATIOS.items():
        goal = on_gpu if gpu else on_cpu
        for found in (key for key in result if key == name or key.startswith(f"{name}_opt")):
            verdict = "" if goal is None else "reached" if result[found] >= goal else "missed"
            made.append(f"| {NAMES[slow]} / {NAMES[fast]}, {dtype} | {result[found]:.1f} | {goal or ''} | {verdict} |")
    for key in sorted(key for key in result if key.startswith("memory_")):
        verdict = "reached" if result[key] <= 0.5 else "missed"
        made.append(f"| {key.replace('_', ' ')} | {result[key]:.2f} | 0.5 | {verdict} |")
    machine = result["machine"]
    place = f"{machine['gpu']}" if gpu else f"{machine['cpu']}, {machine['threads']} threads"
    source = result["rows"][0]
    versions = f"Python {machine['python']}, torch {machine['torch']}, transformers {machine['transformers']}"
    return [
        *made,
        "",
        f"{place}; {versions}; {source['shape']} shape, random weights, {source['items']} multiple-choice items; {source['source']}.",
    ]


if __name__ == "__main__":
    print("\n".join(lines(json.loads(Path(sys.argv[1]).read_text()))))
