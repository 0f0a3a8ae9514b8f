"""The folder tree tells the story of the data: no stage imports a later one, light modules stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src" / "gap"
ORDER = [
    "core",
    "stats",
    "runtime",
    "tasks",
    "methods",
    "generators",
    "params",
    "fetch",
    "corpora",
    "models",
    "pretrain",
    "describe",
    "posttrain",
    "evaluate",
    "aggregate",
    "checkpoints",
    "figures",
    "report",
    "published",
    "plan",
    "cli",
]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def test_every_package_has_its_place_in_the_order() -> None:
    assert {path.name for path in SRC.iterdir() if (path / "__init__.py").exists()} == set(ORDER)


@pytest.mark.parametrize("package", ORDER)
def test_no_stage_imports_a_later_one(package: str) -> None:
    later = set(ORDER[ORDER.index(package) + 1 :])
    for path in (SRC / package).rglob("*.py"):
        wrong = {name for name in imported(path) if name.startswith("gap.") and name.split(".")[1] in later}
        assert not wrong, f"{path.relative_to(SRC)} imports {wrong}"


def test_reading_the_snakefile_needs_no_heavy_library() -> None:
    code = "import sys, gap.plan.build, gap.plan.light, gap.plan.outputs, gap.params.load, gap.cli.main; print({'torch', 'transformers', 'pandas', 'datasets', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_modules_and_functions_stay_small() -> None:
    long = []
    for path in SRC.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 300:
            long.append(f"{path.relative_to(SRC)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60:
                long.append(f"{path.relative_to(SRC)}:{node.lineno} {node.name}")
    assert not long
