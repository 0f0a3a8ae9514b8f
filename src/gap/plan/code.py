"""The code behind a result, as a digest: a module with all that it imports.

A *unit* is a module that does a stage's work (``gap.evaluate.job``) or an extension (``gap.methods.directions.ascent``), by its
dotted name.  Its code is the closure of its import statements within this package, those inside functions too and those for type
checkers only not, with the data files (templates, style sheets) that lie beside a module of it.  Comments, docstrings and layout
do not count, and every Python from 3.11 on gives the same digest.

``code.lock.json`` holds, per unit, the digest last looked at and a version.  While the two agree, the *version* enters the keys
of what the unit makes; once the code differs, the digest itself does, so that changed code never reuses old results.  After a
change that leaves results as they were, ``gap lock-code --same-results`` keeps the version; after any other,
``gap lock-code --new-results`` raises it.  Of a unit that the lock does not know yet, same results are those that its code
made so far: the digest of that code is its version then.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import read_object, write_json

ROOT = Path(__file__).resolve().parents[1]
LOCK = Path(__file__).with_name("code.lock.json")
RESTORE = "Restore it: git checkout -- src/gap/plan/code.lock.json. Without it every result would get another key."
#: Files that a module reads from its own folder.
DATA = (".html", ".css", ".yaml", ".jinja")


def module_file(module: str) -> Path | None:
    """The file of a module or package below ``gap``; None where there is none."""
    path = ROOT.joinpath(*module.split(".")[1:])
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@cache
def imports(module: str) -> tuple[str, ...]:
    """The modules of this package that ``module`` imports, with the packages around them."""
    file = module_file(module)
    assert file is not None, module
    names: set[str] = set()
    for node in _statements(_tree(file)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    names = {name for name in names if name.split(".")[0] == "gap" and module_file(name)}
    # importing a module runs the packages around it; the outermost holds the version alone, and counts where it is imported by name
    packages = {".".join(name.split(".")[:depth]) for name in names for depth in range(2, name.count(".") + 1)}
    return tuple(sorted((names - {"gap"}) | packages | (names & {"gap"} if _names_version(file) else set())))


def _names_version(file: Path) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.module == "gap" for node in ast.walk(_tree(file)))


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements but those that only a type checker runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _statements(node)


@cache
def closure(module: str) -> tuple[str, ...]:
    """``module`` and all modules that it reaches, in the order of their names."""
    reached, waiting = {module}, [module]
    while waiting:
        new = set(imports(waiting.pop())) - reached
        reached |= new
        waiting += new
    return tuple(sorted(reached))


@cache
def code_digest(unit: str) -> str:
    """12 hex digits of the code of a unit."""
    total = hashlib.sha256()
    files = [module_file(module) for module in closure(unit)]
    beside = {data for file in files if file for data in file.parent.iterdir() if data.suffix in DATA}
    for path in sorted({*beside, *(file for file in files if file)}):
        total.update(str(path.relative_to(ROOT)).encode())
        total.update(_meaning(path))
    return total.hexdigest()[:12]


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _meaning(path: Path) -> bytes:
    """Digest of what a file says: its syntax tree without docstrings; a data file byte by byte."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).digest()
    return hashlib.sha256(canonical_dump(_tree(path)).encode()).digest()


def canonical_dump(node: Any) -> str:
    """A syntax tree as text: without docstrings, positions, and what is None or empty, which differ between Pythons."""
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value is not None]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            fields = [
                (name, node.body[1:] if name == "body" and ast.get_docstring(node, clean=False) is not None else value)
                for name, value in fields
            ]
        return f"{type(node).__name__}({','.join(f'{name}={canonical_dump(value)}' for name, value in fields if value != [])})"
    if isinstance(node, list):
        return f"[{','.join(map(canonical_dump, node))}]"
    return ascii(node)


def forget() -> None:
    """Read the files anew: what was read of them is kept for the life of the process."""
    for function in (imports, closure, code_digest, _tree, _meaning, locked):
        function.cache_clear()


@cache
def locked() -> dict[str, dict[str, Any]]:
    """The lock file: unit -> {"version": int or str, "digest": str}.

    Raises
    ------
    BadInput: it is damaged, or an entry has another form.
    """
    entries = read_object(LOCK, RESTORE) if LOCK.exists() else {}
    for unit, entry in entries.items():
        if not _is_entry(entry):
            raise BadInput(f"{LOCK.name}, {unit}", ascii(entry), '{"version": number or digest, "digest": 12 hex digits}', RESTORE)
    return entries


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or entry.keys() != {"version", "digest"}:
        return False
    version, held = entry["version"], entry["digest"]
    return isinstance(held, str) and isinstance(version, int | str) and not isinstance(version, bool)


def code_version(unit: str) -> str:
    """The version while the code is the locked one (``v<number>``, or the digest that it had when first locked), else its digest."""
    entry = locked().get(unit, {})
    digest = code_digest(unit)
    if entry.get("digest") != digest:
        return digest
    return f"v{entry['version']}" if isinstance(entry["version"], int) else str(entry["version"])


def code_versions(*units: str) -> dict[str, str]:
    """Unit -> version, as a job carries them."""
    return {unit: code_version(unit) for unit in units}


def changed_units(units: Iterable[str]) -> list[str]:
    """Units whose code differs from the lock."""
    return [unit for unit in units if locked().get(unit, {}).get("digest") != code_digest(unit)]


def new_units(units: Iterable[str]) -> list[str]:
    """Units that the lock does not know yet."""
    return [unit for unit in units if unit not in locked()]


def lock_code(units: Iterable[str], *, new_results: bool) -> list[str]:
    """Record the present code; raise the version of changed units when ``new_results``.  Returns the changed units."""
    units = sorted(units)
    changed = changed_units(units)
    entries = {unit: dict(locked().get(unit, {"version": code_digest(unit)})) for unit in units}
    for unit in changed:
        entry, version = entries[unit], entries[unit]["version"]
        entry["digest"] = code_digest(unit)
        if new_results:
            entry["version"] = version + 1 if isinstance(version, int) else 1
    write_json(LOCK, entries)
    locked.cache_clear()
    return changed
