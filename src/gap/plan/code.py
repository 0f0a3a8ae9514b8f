"""The code a result depends on, as part of its identity.

Every stage has a digest of its source (docstrings, comments and layout left out).  ``code.lock.json`` holds, per stage,
the digest last looked at and a version.  While the two agree, the *version* enters the keys of the stage's outputs; as
soon as the code differs, the digest itself does, so that changed code never reuses old results.  After a change that
leaves results as they were, ``gap lock-code --same-results`` keeps the version (and the GPU-days); after any other,
``gap lock-code --new-results`` raises it.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

from gap.core.files import read_json, write_json
from gap.generators import GENERATORS
from gap.methods import REGISTRIES
from gap.tasks.registry import TASKS

ROOT = Path(__file__).resolve().parents[1]
LOCK = Path(__file__).with_name("code.lock.json")

#: What each kind of output depends on: packages or modules below src/gap.
STAGES: dict[str, tuple[str, ...]] = {
    "items": ("fetch", "tasks/items.py", "tasks/wording.py", "tasks/dialogue.py", "tasks/registry.py"),
    "corpora": ("corpora", "fetch/upstream.py", "fetch/hub.py", "tasks/items.py"),
    "models": ("models", "corpora/documents.py", "corpora/readers", "fetch/upstream.py", "fetch/hub.py"),
    "describe": ("describe", "models/load.py", "models/text.py", "tasks/items.py", "tasks/wording.py", "tasks/dialogue.py"),
    "posttrain": (
        "posttrain",
        "models/load.py",
        "models/text.py",
        "models/weights.py",
        "methods/difference.py",
        "methods/layers.py",
        "methods/signs.py",
        "methods/training.py",
    ),
    "evaluate": ("evaluate", "models/text.py", "tasks/items.py", "tasks/wording.py", "tasks/dialogue.py"),
    "aggregate": ("aggregate", "core/bootstrap.py", "core/ranks.py", "core/statistics.py", "core/tables.py", "describe/features.py"),
    "checkpoints": ("checkpoints",),
    "figures": ("figures",),
    "report": ("report",),
    "published": (
        "published",
        "core/bootstrap.py",
        "core/statistics.py",
        "describe/surface.py",
        "figures/forest.py",
        "figures/style.py",
        "figures/table.py",
        "report/page.css",
    ),
}


def units() -> list[str]:
    """What is locked: the stages, and the modules of all extension points by dotted name (``gap.core.registry``).

    An extension belongs to no stage: it enters the keys of what uses it, so that adding one leaves every other key as it is.
    """
    registries = (*REGISTRIES, GENERATORS)
    modules = [entry.module for registry in registries for entry in registry.entries.values()]
    return [*STAGES, "gap.core.random_stream", *modules, *(task.module for task in TASKS.values())]


@cache
def unit_digest(unit: str) -> str:
    """Digest of the unit's source, blind to comments, docstrings and layout; templates count byte by byte."""
    return _digest(STAGES[unit] if unit in STAGES else (f"{unit.removeprefix('gap.').replace('.', '/')}.py",))


def _digest(entries: tuple[str, ...]) -> str:
    total = hashlib.sha256()
    for entry in entries:
        place = ROOT / entry
        files = (
            [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.suffix in {".py", ".html", ".css", ".yaml"})
        )
        for path in files:
            total.update(str(path.relative_to(ROOT)).encode())
            total.update(_meaning(path))
    return total.hexdigest()[:12]


def _meaning(path: Path) -> bytes:
    if path.suffix != ".py":
        return path.read_bytes()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            body[0].value.value = ""
    return ast.dump(tree).encode()


@cache
def locked() -> dict[str, dict[str, object]]:
    """The lock file: unit -> {"version": int, "digest": str}."""
    return read_json(LOCK) if LOCK.exists() else {}


def code_version(unit: str) -> str:
    """``v<version>`` while the code is the locked one, else its digest."""
    entry = locked().get(unit, {})
    now = unit_digest(unit)
    return f"v{entry['version']}" if entry.get("digest") == now else now


def changed_units() -> list[str]:
    """Units whose code differs from the lock."""
    return [unit for unit in units() if locked().get(unit, {}).get("digest") != unit_digest(unit)]


def lock_code(new_results: bool) -> list[str]:
    """Record the present code; raise the version of changed units when ``new_results``.  Returns the changed units."""
    changed = changed_units()
    entries = {unit: dict(locked().get(unit, {"version": 1 if not new_results else 0})) for unit in units()}
    for unit in changed:
        entries[unit]["digest"] = unit_digest(unit)
        if new_results:
            entries[unit]["version"] = int(str(entries[unit]["version"])) + 1
    write_json(LOCK, entries)
    locked.cache_clear()
    return changed
