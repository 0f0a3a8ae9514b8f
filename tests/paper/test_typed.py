"""The code that words the report and the published page types no result: digits in its sentences are told apart by rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gap.paper.pages import DATE, DIGITS, NAMED

SRC = Path(__file__).resolve().parents[2] / "src/gap"
FOLDERS = ("report", "published", "figures")
#: What digits in a sentence may be without being a result.
RULES = {
    "level of the intervals": r"95\s?%(?=$| (?:bootstrap )?intervals?\b)",
    "threshold of a test": r"p (?:<|below) 0\.\d+",
    "name of an epoch": r"\b[Ee]pochs? \d(?: (?:and|or) \d)?",
    "no change, and the unmodified model": r"\b(?:baseline|[Aa]t|is|not|;) 0\b|\b0 is\b|\b0 and 1 are\b",
    "end of a scale": r"\(0 %\)|\(100 %,|from (?:0|\N{MINUS SIGN}1)(?: to 1)?$",
    "number of a claim": r"\bclaim \d|^[1-4] (?:after|minus|last|early)",
    "base of a power": r"\b(?:10|2)\^",
    "the paper's setting, beside ours": r"^4 dialogue, 8 classification$",
    "singular": r"^1 text shares$",
}


def sentences(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Strings with a space that are no docstring and no part of an error."""
    silent: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False) is not None:
            silent.update(map(id, ast.walk(node.body[0])))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "BadInput":
            silent.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value and id(node) not in silent:
            yield node.lineno, node.value


def typed(source: str) -> Iterator[tuple[int, str]]:
    """Line and surroundings of digits that no rule knows."""
    for line, text in sentences(ast.parse(source)):
        known = [match.span() for rule in RULES.values() for match in re.finditer(rule, text)]
        for match in DIGITS.finditer(text):
            named = NAMED.search(text[: match.start()]) or DATE.fullmatch(match[0])
            if not named and not any(start <= match.start() and match.end() <= end for start, end in known):
                yield line, text[max(0, match.start() - 25) : match.end() + 25]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_sentence_of_a_page_types_a_result(folder: str) -> None:
    files = sorted((SRC / folder).rglob("*.py"))
    found = {f"{path.relative_to(SRC)}:{line}": text for path in files for line, text in typed(path.read_text(encoding="utf-8"))}
    assert len(files) > 5 and found == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('x = "Gains were 0.14 points"', [1]),
        ('"""Doc of 3 rows."""\nx = f"{n} of 894 rows, epoch 1, 95 % interval"', [2]),
        ('raise BadInput(path, "3 rows", "at most 2", "Cut it.")', []),
        ('x = "Connor (1987), claim 2, OPT 350M"', []),
    ],
)
def test_a_typed_result_is_found(source: str, lines: list[int]) -> None:
    assert [line for line, _ in typed(source)] == lines
