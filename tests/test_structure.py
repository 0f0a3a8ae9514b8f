"""The folder tree tells the story of the data: no stage imports a later one, light modules stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from gap.plan import code

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
    "estimate",
    "checkpoints",
    "figures",
    "report",
    "published",
    "verify",
    "paper",
    "plan",
    "provenance",
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
    code = (
        "import sys, gap.plan.graph, gap.cli.main; print({'torch', 'transformers', 'pandas', 'datasets', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_functions_stay_small() -> None:
    long = [
        f"{path.relative_to(SRC)}:{node.lineno} {node.name}" for path, node in functions() if (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert not long


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def test_functions_take_few_parameters() -> None:
    """Nine in ten at most 4, none above 8 (``self`` apart)."""
    counts = {}
    for path, node in functions():
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        counts[f"{path.relative_to(SRC)}:{node.name}"] = sum(argument.arg not in ("self", "cls") for argument in given)
    few = sum(count <= 4 for count in counts.values())
    assert few >= 0.9 * len(counts)
    assert not {name for name, count in counts.items() if count > 8}


def test_no_flag_is_positional() -> None:
    flags = [
        f"{path.relative_to(SRC)}:{node.lineno} {node.name}({argument.arg})"
        for path, node in functions()
        for argument in (*node.args.posonlyargs, *node.args.args)
        if argument.annotation is not None and ast.unparse(argument.annotation) == "bool"
    ]
    # lm-eval calls this one so
    assert all("_loglikelihood_tokens(disable_tqdm)" in flag for flag in flags), flags


def graph() -> dict[str, set[str]]:
    """Module -> the modules of this package that it imports, inside functions too; not what only a type checker reads."""
    modules = {
        ".".join(("gap", *path.relative_to(SRC).with_suffix("").parts)).removesuffix(".__init__"): path for path in SRC.rglob("*.py")
    }
    return {module: {name for name in code.imports(module) if name in modules and name != module} for module in modules}


def test_imports_have_no_cycle_and_no_long_chain() -> None:
    arrows = {module: {name for name in names if not module.startswith(f"{name}.")} for module, names in graph().items()}
    order = list(TopologicalSorter(arrows).static_order())  # raises CycleError
    lengths: dict[str, list[str]] = {}
    for module in order:
        longest = max((lengths[name] for name in arrows[module]), key=len, default=[])
        lengths[module] = [module, *longest]
    longest = max(lengths.values(), key=len)
    assert len(longest) <= 12, " > ".join(longest)
