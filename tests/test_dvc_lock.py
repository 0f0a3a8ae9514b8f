"""dvc.lock is that of the results which are committed: DVC's digests of them, computed as DVC does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LOCK = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
#: Outputs that Git holds, by stage; of the others, which DVC caches, only the digests are here.
HELD = {
    stage: [path for entry in [*content["outs"], *content.get("metrics", [])] if isinstance(entry, dict)
            for path, flags in entry.items() if flags.get("cache") is False]
    for stage, content in STAGES.items()
}  # fmt: skip
NAMES = [name.split("@") for name in LOCK]
HERE = {path.replace("${item.study}", study) for stage, study in NAMES for path in HELD[stage]}
OUTPUTS = [out for name in LOCK for out in LOCK[name]["outs"] if out["path"] in HERE]


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
    assert len(OUTPUTS) == len(HERE) >= 8
