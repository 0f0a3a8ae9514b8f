"""How much the paper study's checkpoints take as recipes and trajectories, against their weights.

    python benchmarks/storage.py --json FILE

The plan is the real one of study `paper`; the trajectories are as many rows as it makes, filled with numbers as random as
real ones (norms, losses and digests do not compress), written as the pipeline writes them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gap.core.files import write_json
from gap.core.tables import RUN, write_table
from gap.params.load import load_study
from gap.params.study import Study
from gap.plan.document import plan_document
from gap.plan.plan import Plan
from gap.plan.stages import light_stages, posttrain

#: Weights of OPT by the authors' names, from the published configurations (tied output projection counted once).
WEIGHTS = {"opt-350m": 331_196_416, "opt-1.3b": 1_315_758_080, "opt-2.7b": 2_651_596_800}


def rows(runs: list[dict[str, Any]], updates: int, seed: int = 0) -> pd.DataFrame:
    """Table ``trajectories`` of these runs: two skipped updates under fp16, as the published rows suggest, then real ones."""
    draw = np.random.default_rng(seed)
    count = updates + 1
    frame = pd.DataFrame([{name: run[name] for name in RUN} for run in runs for _ in range(count)])
    epoch = np.tile(np.arange(count), len(runs))
    real = epoch > 2
    size = len(frame)
    digests = [f"{value:016x}" for value in draw.integers(0, 2**63, size)]
    return frame.assign(
        step=np.where(real, epoch - 2, 0), epoch=epoch, real=real, loss=np.where(epoch > 0, draw.gamma(9, 0.3, size), np.nan),
        grad_norm=draw.gamma(2, 2, size), update_norm=draw.gamma(2, 1, size) * real, changed_fraction=draw.random(size) * real,
        distance=draw.gamma(5, 1, size) * real, trained_distance=draw.gamma(5, 1, size) * real,
        loss_scale=2.0 ** (16 - np.minimum(epoch, 2)), diverged=False, digest=digests, seconds=draw.random(size),
    )  # fmt: skip


def measure() -> dict[str, Any]:
    """Bytes of everything that a checkpoint of study `paper` is rebuilt from, and of the weights."""
    study = load_study(Path("params.yaml"), {"study": "paper"})
    assert isinstance(study, Study)
    plan = Plan(study)
    document = plan_document(plan, light_stages(plan))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_json(place / "plan.json", document)
        table = rows(document["runs"], document["methods"][0]["updates"])
        write_table(table, place / "trajectories.parquet", "trajectories")
        shards = [table[table["run"].isin([run.run for run in posttrain.runs(plan, shard)])] for shard in posttrain.shards(plan)]
        for number, shard in enumerate(shards):
            write_table(shard, place / f"shard-{number}.parquet", "trajectories")
        sizes = {path.name: path.stat().st_size for path in place.iterdir()}
    checkpoints = {model: int(((table["model"] == model) & (table["epoch"] > 0)).sum()) for model in WEIGHTS}
    return {
        "runs": len(document["runs"]),
        "checkpoints": sum(checkpoints.values()),
        "plan_bytes": sizes["plan.json"],
        "trajectories_bytes": sizes["trajectories.parquet"],
        "shard_bytes": sum(size for name, size in sizes.items() if name.startswith("shard")),
        "weights_bytes_fp32": {model: 4 * WEIGHTS[model] * count for model, count in checkpoints.items()},
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write everything here")
    arguments = parser.parse_args()
    found = measure()
    kept = found["plan_bytes"] + found["trajectories_bytes"] + found["shard_bytes"]
    full = sum(found["weights_bytes_fp32"].values())
    print(
        f"{found['checkpoints']:,} checkpoints of {found['runs']} runs: {kept / 1e6:.2f} MB of plan and trajectories (kept twice: by shard and as one table)"
    )
    print(f"their weights in fp32: {full / 1e12:.1f} TB, {full / kept:,.0f} times as much; in half precision {full / 2e12:.1f} TB")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
