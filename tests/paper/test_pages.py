"""README.md and docs/results.md: every number in them is what the results hold, and one that no comment names is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gap.cli.main import app
from gap.core.errors import BadInput
from gap.paper.pages import PAGES, marks, renew, renew_pages, typed_numbers
from gap.paper.results import FILES, STUDIES

ROOT = Path(__file__).resolve().parents[2]
TREE = {"a": {"rows": 894, "share": 0.951, "models": ["x", "y"]}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copies of the pages and of all that their numbers are looked up in, without study ``small``."""
    for file in (*PAGES, *(Path(file) for name, file in FILES.items() if name not in STUDIES)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_every_number_of_the_pages_is_what_the_results_hold() -> None:
    assert renew_pages(ROOT, write=False) == [], "run gap page-numbers"
    assert sum(len(list(marks((ROOT / page).read_text(encoding="utf-8")))) for page in PAGES) >= 10


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It gained 3 points.", ["3"]),
        ("Gains of +0.25, and -1,024 more", ["+0.25", "-1,024"]),
        ("twelve of twenty rows; Two more", ["twelve", "twenty", "Two"]),
        ("only one is left, one of them", ["only one", "one of"]),
        ("About 39.7 % of half of them", ["39.7", "half of"]),
        ("F1 of OPT 350M and 6.7B in fp16, 4-bit, Apache-2.0", []),
        ("on Python 3.11 or later, Gemma 3, ACL 2023, on 2026-11-28", []),
        ("Gained 42 points", ["42"]),
        ("`42 rows`, [seven](a7.md#3) and <!-- 5 -->", ["seven"]),
        ("```\n83 checkpoints\n```\ntwo-sided, one-way, a thousand", ["thousand"]),
        ("<!-- verdicts a -->\n| 1 |\n<!-- end -->", []),
        ("<!-- 894 = count a/rows --> 894 rows of 895", ["895"]),
    ],
)
def test_numbers_that_no_comment_names_are_found_and_names_dates_and_code_are_not(text: str, found: list[str]) -> None:
    got = [words for _, words in typed_numbers(text)]
    assert len(got) == len(found) and all(shown in words for shown, words in zip(found, got, strict=True))


def test_a_comment_names_the_next_such_text_behind_it_and_each_once() -> None:
    text = "12 and <!-- 12 = count a/rows; 12 = count a/b; two = word number a/models/* --> 112, 12.5, 12, two,\n`12`"
    found = list(marks(text))
    assert [(mark.kind, mark.path, text[mark.start - 1 :][:5]) for mark in found] == [
        ("count", "a/rows", " 12, "), ("count", "a/b", "`12`"), ("word number", "a/models/*", " two,"),
    ]  # fmt: skip
    with pytest.raises(BadInput, match=r"line 1, comment 13 = count a/rows: no 13 behind it"):
        list(marks("13 <!-- 13 = count a/rows --> and 12"))


def test_a_comment_with_no_kind_or_path_is_refused_where_no_prose_would_show_it() -> None:
    with pytest.raises(BadInput, match=r"line 2, comment 83 = number expectations: no kind and path"):
        list(marks("<!-- rule graph: make docs -->\n<!-- 12 = count a/rows; 83 = number expectations -->\n```\n12, 83\n```"))


def test_a_block_of_verdicts_ends_and_is_of_a_study() -> None:
    closed = "<!-- verdicts small -->\n\nNot run yet.\n\n<!-- end -->"
    assert renew(closed, TREE).text == closed
    for text in ("\n<!-- verdicts x -->\n| 1 |", f"\n<!-- verdicts x -->\n| 1 |\n{closed}"):
        with pytest.raises(BadInput, match=r"line 2, verdicts x: no end of the block"):
            renew(text, TREE)
    with pytest.raises(BadInput, match=r"nothing called nosuch"):
        renew("<!-- verdicts nosuch -->\n<!-- end -->", TREE | {"params": {"studies": {"paper": {"models": {}}}}})


def test_a_wrong_number_is_named_with_its_line_and_mended() -> None:
    text = "<!-- 893 = count a/rows; 95 % = whole percent a/share;\nthree = word number a/models/* -->\nThree of three: 893 rows, 95 %.\n"
    found = renew(text, TREE)
    assert found.changes == ["3: 893 should be 894 (count a/rows)", "3: three should be two (word number a/models/*)"]
    assert found.text == text.replace("893", "894").replace("three", "two")
    assert renew(found.text, TREE).changes == []


def test_a_planted_number_fails_and_changed_results_are_written(project: Path) -> None:
    page, results = project / "docs/results.md", project / FILES["audit"]
    before = page.read_text(encoding="utf-8")
    numbers = json.loads(results.read_text())
    numbers["construction"]["classification"]["rows"] = 900
    results.write_text(json.dumps(numbers))
    line = before.count("\n", 0, before.index("the 894 rows")) + 1
    assert f"docs/results.md:{line}: 894 should be 900 (count audit/construction/classification/rows)" in renew_pages(project, write=False)
    assert page.read_text(encoding="utf-8") == before
    shown = CliRunner().invoke(app, ["page-numbers", "--root", str(project), "--check"])
    assert shown.exit_code == 1 and f"docs/results.md:{line}: 894 should be 900" in shown.output
    assert CliRunner().invoke(app, ["page-numbers", "--root", str(project)]).exit_code == 0
    assert "the 900 rows per file" in page.read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["page-numbers", "--root", str(project), "--check"]).exit_code == 0
    page.write_text(before.replace("## Study `paper`\n", "## Study `paper`\n\nAscent won 7 of eleven.\n"), encoding="utf-8")
    with pytest.raises(BadInput, match=r"docs/results\.md:\d+: .*won 7 of.*; docs/results\.md:\d+: .*eleven"):
        renew_pages(project, write=False)
    page.write_text(before.replace("= count audit/construction", "= count audit/deconstruction"), encoding="utf-8")
    with pytest.raises(BadInput, match=r"docs/results\.md, audit/deconstruction/.*: nothing called deconstruction"):
        renew_pages(project, write=False)


def test_study_small_is_shown_once_it_is_there(project: Path) -> None:
    assert "Not run yet.\n\n<!-- end -->" in (project / "docs/results.md").read_text(encoding="utf-8")
    verdicts = json.loads((ROOT / "results/demo/verdicts.json").read_text())
    for claim in verdicts["claims"].values():
        claim["models"] = {"smollm2": claim["models"]["nano-s"]}
    (project / "results/small").mkdir(parents=True)
    (project / "results/small/verdicts.json").write_text(json.dumps(verdicts))
    assert [re.sub(r"\d+", "N", change) for change in renew_pages(project, write=True)] == [
        "docs/results.md:N: the verdicts of study small are others; gap page-numbers writes them"
    ]
    text = (project / "docs/results.md").read_text(encoding="utf-8")
    estimate = verdicts["claims"]["gain"]["models"]["smollm2"]["all"]["estimate"]
    assert f"| 1 | SmolLM2 135M (4-bit) | +{estimate:.2f} |" in text and "Not run yet.\n\n<!-- end -->" not in text
    assert renew_pages(project, write=False) == []


def test_a_missing_page_is_named(project: Path) -> None:
    (project / "README.md").write_bytes(b"\xff")
    with pytest.raises(BadInput, match=r"README\.md: not readable"):
        renew_pages(project, write=False)
    (project / "README.md").unlink()
    with pytest.raises(BadInput, match=r"README\.md: no such file"):
        renew_pages(project, write=False)
