"""The pipeline's results and settings as one tree, in which a path names a value."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from gap.core.errors import BadInput

#: First part of a path -> the file behind it.  Of a study that has not been made there is none.
FILES = {
    "audit": "results/published/checks/published.json",
    "published": "results/published/verdicts.json",
    "captions": "figures/published/captions.json",
    "demo": "results/demo/verdicts.json",
    "demo-metrics": "results/demo/metrics.json",
    "small": "results/small/verdicts.json",
    "small-metrics": "results/small/metrics.json",
    "small-captions": "figures/small/captions.json",
    "params": "params.yaml",
    "rules": "preregistration.yaml",
    "preregistration": "docs/preregistration.md",
    "performance": "docs/performance.md",
    "storage": "benchmarks/results/storage.json",
    "scorer": "benchmarks/results/cpu.json",
    "expectations": "expectations/demo.json",
    "agreement": "benchmarks/results/agreement-cpu.json",
    "replay": "benchmarks/results/replay-cpu.json",
    "model-card": "benchmarks/results/model-card.json",
}
#: Names that a message lists at most.
SHOWN = 12
STUDIES = {"small": "small", "small-metrics": "small", "small-captions": "small"}


def read_results(root: Path) -> dict[str, Any]:
    """First part of a path -> content, of the files that are there below ``root``.

    Raises
    ------
    BadInput: a file that does not belong to a study still to be made is missing, or damaged.
    """
    tree = {}
    for name, file in FILES.items():
        path = root / file
        if path.exists():
            tree[name] = _read(path)
        elif name not in STUDIES:
            raise BadInput(str(path), "no such file", "a result of the pipeline", "Run make and make published first.")
    return tree


def look_up(tree: dict[str, Any], path: str) -> list[Any]:
    """The values at a path such as ``audit/repeats/*/runs``: one per match of ``*``.

    Raises
    ------
    BadInput: there is no such value; the message says where the path ends and what is there.
    """
    parents: list[Any] = [tree]
    for part in (part.strip() for part in path.split("/")):
        children = [child for parent in parents for child in _children(parent)]
        parents = [value for key, value in children if part in ("*", key)]
        if not parents:
            there = list(dict.fromkeys(key for key, _ in children))
            allowed = ", ".join(there[:SHOWN]) + (f" and {len(there) - SHOWN} more" if len(there) > SHOWN else "")
            raise BadInput(path, f"nothing called {part}", allowed or "a path that ends here", "Mend the path, or make the study.")
    return parents


def is_to_come(tree: dict[str, Any], path: str) -> bool:
    """Whether a path leads into a study that has not been made."""
    first = path.split("/")[0].strip()
    return first in STUDIES and first not in tree


def _children(parent: Any) -> list[tuple[str, Any]]:
    """Keys and values of a mapping, positions and values of a list; nothing is in anything else."""
    items = parent.items() if isinstance(parent, dict) else enumerate(parent) if isinstance(parent, list) else ()
    return [(str(key), value) for key, value in items]


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            return markdown_tables(text)
        return yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadInput(str(path), f"unreadable ({error})", "a file as the pipeline writes it", "Make it anew.") from error


def markdown_tables(page: str) -> dict[str, Any]:
    """A page's tables by the name of their first column: row (by its first cell, and by the second where the first recurs) -> column -> cell."""
    tables: dict[str, Any] = {}
    for block in re.findall(r"^\|.*\|\n\|[ :|-]+\|\n(?:\|.*\|\n?)+", page, re.MULTILINE):
        header, _, *rows = [_cells(line) for line in block.splitlines()]
        firsts = [row[0] for row in rows]
        table: dict[str, Any] = {}
        tables[header[0]] = table
        for row in rows:
            recurs = firsts.count(row[0]) > 1 and len(row) > 1
            place = table.setdefault(row[0], {}) if recurs else table
            place[row[1] if recurs else row[0]] = dict(zip(header, row, strict=False))
    return tables


def _cells(line: str) -> list[str]:
    return [re.sub(r"[*`]", "", cell).strip() for cell in line.strip().strip("|").split("|")]
