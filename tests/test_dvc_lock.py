"""dvc.lock is that of the results which are committed: DVC's digests of them, computed as DVC does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LOCK = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
#: Outputs that Git holds; of the others only the digests are here.
HELD = ("metrics.json", "plan.json", "provenance", "checks", "tables", "plots", "figures", "inputs.json")
OUTPUTS = [out for name in LOCK for out in LOCK[name]["outs"] if Path(out["path"]).name in HELD or out["path"].startswith("figures/")]


def md5(path: Path) -> str:
    """Of a file its content's, of a folder that of the list of its files, as DVC has it."""
    if path.is_file():
        return hashlib.md5(path.read_bytes()).hexdigest()
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    listed = [{"md5": md5(path / name), "relpath": name} for name in files]
    return f"{hashlib.md5(json.dumps(listed).encode()).hexdigest()}.dir"


@pytest.mark.parametrize("out", OUTPUTS, ids=lambda out: out["path"])
def test_the_lock_is_that_of_the_committed_results(out: dict) -> None:
    cure = f"dvc.lock is older than these results: in a clone where study {out['path'].split('/')[1]} is made, dvc commit --force"
    assert md5(ROOT / out["path"]) == out["md5"], cure


def test_the_demo_is_locked() -> None:
    assert {"inputs@demo", "results@demo"} <= set(LOCK)
    assert len(OUTPUTS) >= 8
