"""The pages hold to the code: columns of tables, names, links; and they can be read: short sentences."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from statistics import median

import pytest

from gap.cli.project import tables_page
from gap.core.tables import TABLES

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
FOR_THE_FIRST_DAY = ["tutorial", "architecture", "performance", "checkpoints", "operations"]
#: Words of a sentence of such a page, in the middle of all its sentences.
SHORT = 18


def sentences(page: str) -> list[str]:
    """The sentences of a page's prose: without code, tables, headings and pictures; list items count as paragraphs."""
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    lines = ["" if re.match(r"\s*(\||#|!\[)", line) else line for line in prose.split("\n")]
    items = [re.sub(r"^\s*([*-]|\d+\.)\s+", "\n", line) for line in lines]
    paragraphs = re.split(r"\n\s*\n", "\n".join(items))
    return [sentence for text in paragraphs for sentence in re.split(r"(?<=[.?!])\W*\s+(?=\S)", " ".join(text.split())) if sentence]


def test_sentences_are_told_apart() -> None:
    page = "# Title\n\nOne two three. Four `five.six` seven:\n\n* **Eight.** Nine ten.\n* eleven twelve\n  thirteen\n\n| not | this |\n\n```\nnor this\n```\n"
    assert [len(sentence.split()) for sentence in sentences(page)] == [3, 3, 1, 2, 3]


@pytest.mark.parametrize("name", FOR_THE_FIRST_DAY)
def test_pages_for_the_first_day_have_short_sentences(name: str) -> None:
    lengths = [len(sentence.split()) for sentence in sentences((ROOT / f"docs/{name}.md").read_text(encoding="utf-8"))]
    assert median(lengths) <= SHORT, f"{len(lengths)} sentences of {median(lengths)} words"


def test_the_page_of_tables_is_made_from_the_code() -> None:
    assert (ROOT / "docs/tables.md").read_text(encoding="utf-8") == tables_page(), "run: gap tables-doc"
    assert all(f"## {name}\n" in tables_page() for name in TABLES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def is_there(name: str) -> bool:
    """Whether a dotted name is a module below gap, or a name in one."""
    words = name.split(".")
    for count in range(len(words), 0, -1):
        try:
            value: object = import_module(".".join(words[:count]))
        except ModuleNotFoundError:
            continue
        for word in words[count:]:
            if (
                not hasattr(value, word)
                and word not in getattr(value, "model_fields", {})
                and word not in getattr(value, "__annotations__", {})
            ):
                return False
            value = getattr(value, word, None)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_the_code_exist(page: Path) -> None:
    names = set(re.findall(r"`(gap(?:\.[A-Za-z_][A-Za-z0-9_]*)+)`", page.read_text(encoding="utf-8")))
    keys_of_params = {
        "gap.learning_rate",
        "gap.max_tokens",
        "gap.texts",
        "gap.updates",
        "gap.direction",
        "gap.objective",
        "gap.optimizer",
        "gap.rates",
    }
    assert not sorted(name for name in names - keys_of_params if not is_there(name))


def test_files_of_the_project_that_pages_name_exist() -> None:
    missing, built = [], {line.strip().lstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    for page in PAGES:
        if page.name == "extending.md":  # names files that its reader writes
            continue
        for name in re.findall(r"`((?:src|tests|benchmarks|docs|workflow|profiles)/[\w./-]+\.\w+)`", page.read_text(encoding="utf-8")):
            missing += [] if (ROOT / name).exists() or any(name.startswith(path) for path in built if path) else [f"{page.name}: {name}"]
    assert not missing


def test_every_command_of_gap_that_pages_name_exists() -> None:
    from gap.cli.main import COMMANDS

    known = {*COMMANDS, "lm-eval"}
    for page in PAGES:
        named = set(re.findall(r"`gap ([a-z][a-z-]+)", page.read_text(encoding="utf-8")))
        assert named <= known, f"{page.name}: {named - known}"


def test_every_word_of_the_glossary_says_where_it_lives() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    words = [row for row in rows if row[0] not in ("word", "---")]
    assert len(words) > 50 and len({word for word, _, _ in words}) == len(words)
    tables = {name: set(columns) for name, columns in TABLES.items()}
    for word, _, where in words:
        column = re.search(r"column `(\w+)` of table `(\w+)`", where)
        named = re.findall(r"table `(\w+)`", where)
        assert "`gap." in where or named, f"{word}: no module and no table"
        assert set(named) <= set(tables), f"{word}: {named}"
        assert column is None or column[1] in tables[column[2]], f"{word}: no {column[0]}"
