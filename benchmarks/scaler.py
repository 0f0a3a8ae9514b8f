"""Which first updates a dynamic loss scaler that starts at 65536 skips, on models with small and with large gradients.

    python benchmarks/scaler.py                                        # a small OPT on the CPU
    python benchmarks/scaler.py --device cuda --shape opt-350m         # the check for a GPU

No published run has its best epoch at 1, as if the first two updates did nothing (docs/published-results.md); this shows the
mechanism.  Larger random weights make larger gradients; a gradient that overflows fp16 when it is scaled is skipped.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))


def first_updates(shape: str, device: str, spread: float, precision: str, updates: int = 8) -> list[dict[str, Any]]:
    """Scale, gradient norm and whether it was real, for each update tried; ``spread`` multiplies all matrices."""
    import torch
    from replay import GAP, TEXT
    from workload import make_model

    from gap.models.weights import Snapshot
    from gap.params.methods import Gap
    from gap.posttrain.run import run_updates

    model = make_model(shape, device)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(spread)
    ids = torch.arange(TEXT) * 7919 % 50000
    gap = Gap.model_validate(GAP | {"precision": precision, "loss_scale": 65536.0})
    rows = list(run_updates(Snapshot(model, compact=True), [ids], gap, updates))[1:]
    return [{"scale": row.loss_scale, "real": row.real, "grad_norm": row.grad_norm, "diverged": row.diverged} for row in rows]


def main() -> None:
    """One line per model and precision."""
    from gap.runtime.device import open_device
    from gap.runtime.runtime import Runtime

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--shape", default="tiny")
    parser.add_argument("--spreads", type=float, nargs="+", default=[0.5, 1.0, 2.0, 4.0])
    parser.add_argument("--json", type=Path, help="write everything here")
    arguments = parser.parse_args()
    open_device(Runtime(arguments.device, 2))
    found = []
    for spread in arguments.spreads:
        for precision in ("fp16", "bf16", "fp32"):
            rows = first_updates(arguments.shape, arguments.device, spread, precision)
            skipped = next((number for number, row in enumerate(rows) if row["real"]), len(rows))
            known = next((row["grad_norm"] for row in rows if row["real"]), float("nan"))
            found.append({"spread": spread, "precision": precision, "skipped_first": skipped, "grad_norm": known, "rows": rows})
            print(
                f"{arguments.shape}, matrices x {spread:g}, {precision}: gradient norm {known:.3g}, first {skipped} updates skipped",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
