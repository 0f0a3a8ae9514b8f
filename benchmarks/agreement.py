"""How far half-precision scores stand from fp32, from lm-eval's HF backend, and from themselves in other batches.

    python benchmarks/agreement.py --json FILE

Every continuation of the first items of each multiple-choice task; random weights of OPT-125M's shape, several seeds.
Continuations that the backend cuts into other tokens than ours (docs/footguns.md) are left out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
BATCHES, TOKENS = (1, 4, 16, 64), (256, 512, 1024)


def scores(scorer: Any, load: Any) -> np.ndarray:
    """Log-probabilities (nats) of all continuations by one of peers.py's scorers, all tasks in one call."""
    compiled = scorer.join([scorer.compile(items, "choice") for items in load.items.values()])
    return np.array([score for sums in scorer.run(compiled, "choice") for score in sums])


def apart(ones: list[np.ndarray], others: list[np.ndarray] | None = None) -> dict[str, float]:
    """Of all pairs, or of all pairs within ``ones``, the largest root mean square and the largest difference (nats)."""
    pairs = list(itertools.combinations(ones, 2) if others is None else itertools.product(ones, others))
    gaps = [one - other for one, other in pairs]
    return {"rms": max(float(np.sqrt(np.mean(gap**2))) for gap in gaps), "most": max(float(np.abs(gap).max()) for gap in gaps)}


def same_tokens(load: Any) -> np.ndarray:
    """Of every continuation, whether the backend cuts it into the tokens that we do."""
    from gap.evaluate.checks.boundary import boundary_differences

    found: list[bool] = []
    for items in load.items.values():
        other = {(one.item, one.choice) for one in boundary_differences(items, load.tokenizer)}
        found += [(place, choice) not in other for place, item in enumerate(items) for choice in range(len(item.continuations))]
    return np.array(found)


def measure(seed: int, count: int) -> list[dict[str, Any]]:
    """One model: the backend in its default, and with its log-softmax in fp32."""
    from peers import LmEval, Ours
    from workload import CHOICE, make_model, workload

    load = workload(count, tuple(CHOICE))
    model = make_model("opt-125m", "cpu", seed)

    def ours(dtype: str, tokens: int) -> np.ndarray:
        return scores(Ours(model, load.tokenizer, dtype, "cpu", tokens), load)

    def backend(batch: int, **more: Any) -> np.ndarray:
        return scores(LmEval(model, load.tokenizer, "fp32", "cpu", batch, **more), load)

    exact, theirs = ours("fp32", TOKENS[0]), backend(16)
    same = same_tokens(load)
    print(f"seed {seed}, fp32: largest difference {np.abs(exact - theirs)[same].max():.1e} nats", flush=True)
    mine = [ours("bf16", tokens)[same] for tokens in TOKENS]
    rows = []
    for softmax in (None, "float32"):
        stock = [backend(batch, mixed_precision_dtype="bfloat16", softmax_dtype=softmax)[same] for batch in BATCHES]
        row: dict[str, Any] = {
            "seed": seed,
            "softmax": softmax or "bf16",
            "continuations": int(same.sum()),
            "other_tokens": int((~same).sum()),
        }
        row |= {"backend_changes": apart(stock), "ours_changes": apart(mine), "apart": apart(mine, stock)}
        row |= {"backend_from_fp32": apart(stock, [exact[same]]), "ours_from_fp32": apart(mine, [exact[same]])}
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """As a table."""
    columns = ["backend_changes", "apart", "ours_changes", "ours_from_fp32", "backend_from_fp32"]
    made = [
        f"| seed | backend's log-softmax | {' | '.join(name.replace('_', ' ') for name in columns)} |",
        f"| --- | --- |{' ---: |' * len(columns)}",
    ]
    for row in rows:
        cells = [f"{row[name]['rms']:.3f} ({row[name]['most']:.2f})" for name in columns]
        made.append(f"| {row['seed']} | {row['softmax']} | {' | '.join(cells)} |")
    return made


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--items", type=int, default=8, help="per task")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = [row for seed in range(arguments.seeds) for row in measure(seed, arguments.items)]
    print("\n".join(lines(rows)))
    if arguments.json:
        arguments.json.write_text(json.dumps({"torch": torch.__version__, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
