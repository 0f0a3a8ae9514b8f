"""The paper study's 13,500 checkpoints as recipes: the benchmark's own measure, held to the budget and to what is committed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_recipes_and_trajectories_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    sys.modules.pop("storage", None)
    import storage

    found = storage.measure()
    assert (found["runs"], found["checkpoints"]) == (900, 13_500)
    kept = found["plan_bytes"] + found["trajectories_bytes"] + found["shard_bytes"]
    assert kept < 50_000_000
    committed = json.loads((ROOT / "benchmarks/results/storage.json").read_text())
    assert kept == pytest.approx(sum(committed[name] for name in ("plan_bytes", "trajectories_bytes", "shard_bytes")), rel=0.05)
    assert found["weights_bytes_fp32"] == committed["weights_bytes_fp32"]
    assert committed["weights_bytes_fp32"]["opt-350m"] == 4 * 331_196_416 * 4_500


def test_the_counts_of_weights_are_opts(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the configurations, on no device at all."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import storage
    import workload

    for shape, wanted in storage.WEIGHTS.items():
        assert sum(one.numel() for one in workload.make_model(shape, "meta").parameters()) == wanted
