"""The five commands, end to end, each with its record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from synthetic import build
from synthetic_plan import Shape

from gap.core.digest import file_digest
from gap.core.files import write_json

TINY = Shape(subjects={"a": "A"}, reference={}, corpora=("x",), texts=2, updates=2, items=6, tasks=("piqa", "wizard_of_internet"))


def call(name: str, plan: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    record = f"results/synthetic/provenance/{name}-{'0' * 12}.json"
    command = [sys.executable, "-m", "gap.cli.main", name, "--plan", str(plan), "--record", record]
    source = Path(__file__).resolve().parents[2] / "src"
    return subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(source)}, capture_output=True, text=True, check=False)


def test_the_commands_in_turn(tmp_path: Path) -> None:
    plan = build(tmp_path, TINY)
    document = json.loads(plan.read_text()) | {"figure_names": ["figure1_dialogue"]}
    verdicts = document["light"]["verdicts"]
    for path in (plan, tmp_path / "results/synthetic/plan.json"):
        write_json(path, document | {"stages": {"estimate": {"outputs": [verdicts]}}})
    for name in ("aggregate", "estimate", "tables", "figures", "report"):
        done = call(name, plan, tmp_path)
        assert done.returncode == 0, done.stderr
    for name, path in document["light"].items():
        assert Path(path).exists() or name == "fetch_lock", name  # made of the records of heavy stages, which are not here
    for stage in ("aggregate", "estimate", "tables", "figures", "report"):
        record = json.loads((tmp_path / f"results/synthetic/activities/{stage}-{'0' * 12}.json").read_text())
        assert (record["stage"], record["key"]) == (stage, "0" * 12)
        assert record["outputs"] == ({verdicts: file_digest(Path(verdicts))} if stage == "estimate" else {})
        assert record["command"][:2] == ["gap", stage] and record["started"] <= record["finished"] and record["machine"]["cores"] > 0


def test_importing_the_commands_is_light() -> None:
    heavy = "{'pandas', 'matplotlib', 'pyarrow', 'numpy'}"
    code = f"import sys, gap.cli.light, gap.cli.main; sys.exit(bool({heavy} & set(sys.modules)))"
    source = Path(__file__).resolve().parents[2] / "src"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(source)}, check=False).returncode == 0
