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

Reading the syntax trees of all files takes a second.  What they say is kept in ``.gap/code.json`` under the digest of each file's
bytes, so that a later start looks at changed files alone.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from gap.core.errors import BadInput
from gap.core.files import read_object, write_json

ROOT = Path(__file__).resolve().parents[1]
LOCK = Path(__file__).with_name("code.lock.json")
CACHE = Path(".gap/code.json")
RESTORE = "Restore it: git checkout -- src/gap/plan/code.lock.json. Without it every result would get another key."
#: Files that a module reads from its own folder.
DATA = (".html", ".css", ".yaml", ".jinja")
#: What may begin with a docstring.
DOCUMENTED = ("Module", "ClassDef", "FunctionDef", "AsyncFunctionDef")
#: Where a statement holds others.
BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


def module_file(module: str) -> Path | None:
    """The file of a module or package below ``gap``; None where there is none."""
    path = ROOT.joinpath(*module.split(".")[1:])
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@cache
def imports(module: str) -> tuple[str, ...]:
    """The modules of this package that ``module`` imports, with the packages around them."""
    file = module_file(module)
    assert file is not None, module
    said = _said(file)
    names = {name for name in said.imports if module_file(name)}
    # importing a module runs the packages around it; the outermost holds the version alone, and counts where it is imported by name
    packages = {".".join(name.split(".")[:depth]) for name in names for depth in range(2, name.count(".") + 1)}
    return tuple(sorted((names - {"gap"}) | packages | (names & {"gap"} if said.version else set())))


class Said(NamedTuple):
    """What a module's file says: the names below ``gap`` that it imports, whether one from ``gap`` itself, and its meaning's digest."""

    imports: list[str]
    version: bool
    meaning: str


@cache
def _said(file: Path) -> Said:
    content = file.read_bytes()
    key = hashlib.sha256(_own_digest() + content).hexdigest()
    if key not in _remembered():
        _remembered()[key] = _read(ast.parse(content))
        _NEW.add(key)
    _USED.add(key)
    return _remembered()[key]


def _read(tree: ast.Module) -> Said:
    names: set[str] = set()
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    version = any(isinstance(node, ast.ImportFrom) and node.module == "gap" for node in _statements(tree.body, checkers=True))
    own = sorted(name for name in names if name.split(".")[0] == "gap")
    return Said(own, version, hashlib.sha256(canonical_dump(tree).encode()).hexdigest())


#: Entries that this process added, and all that it used.
_NEW: set[str] = set()
_USED: set[str] = set()


@cache
def _own_digest() -> bytes:
    """What is kept holds for this way of reading alone."""
    return hashlib.sha256(Path(__file__).read_bytes()).digest()


@cache
def _remembered() -> dict[str, Said]:
    """What earlier runs kept; what cannot be read was not kept."""
    try:
        entries = read_object(CACHE)
    except BadInput:
        return {}
    return {key: Said(*entry) for key, entry in entries.items() if isinstance(entry, list) and len(entry) == len(Said._fields)}


def remember() -> None:
    """Keep what the files say for later runs, and forget what files said that are no more."""
    if _NEW:
        write_json(CACHE, {key: said for key, said in _remembered().items() if key in _USED})
        _NEW.clear()


def _statements(block: Iterable[ast.AST], *, checkers: bool = False) -> Iterator[ast.AST]:
    """All statements, at any depth, but those that only a type checker runs; expressions, which hold none, are not looked through."""
    for node in block:
        if not checkers and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _statements(node.orelse)
            continue
        yield node
        for name in BLOCKS:
            yield from _statements(getattr(node, name, ()), checkers=checkers)


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
def _meaning(path: Path) -> bytes:
    """Digest of what a file says: its syntax tree without docstrings; a data file byte by byte."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).digest()
    return bytes.fromhex(_said(path).meaning)


def canonical_dump(node: Any) -> str:
    """A syntax tree as text: without docstrings, positions, and what is None or empty, which differ between Pythons."""
    if isinstance(node, ast.AST):
        kind = type(node).__name__
        if not node._fields:
            return f"{kind}()"
        parts = []
        for name in node._fields:
            value: Any = getattr(node, name, None)
            if name == "body" and kind in DOCUMENTED and ast.get_docstring(node, clean=False) is not None:  # type: ignore[arg-type]
                value = value[1:]
            if kind == "JoinedStr":  # Python 3.12.1 ends some format specifications with an empty text
                value = [part for part in value if getattr(part, "value", None) != ""]
            if value is not None and value != []:
                parts.append(f"{name}={canonical_dump(value)}")
        return f"{kind}({','.join(parts)})"
    if isinstance(node, list):
        return f"[{','.join([canonical_dump(each) for each in node])}]"
    return ascii(node)


def forget() -> None:
    """Read the files anew, as another process does: what was read of them is kept for the life of this one."""
    for function in (imports, closure, code_digest, _said, _remembered, _meaning, locked):
        function.cache_clear()
    _NEW.clear()
    _USED.clear()


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
