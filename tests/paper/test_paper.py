"""The article: no number is typed, each is what the results hold, and the PDF is sound with and without study `small`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gap.core.errors import BadInput
from gap.figures.table import escape
from gap.paper.numbers import shown, tex, tex_rows, verdict_rows, write_numbers
from gap.paper.results import FILES, STUDIES, look_up, markdown_tables, read_results
from gap.paper.sources import read_sources, typed_numbers, wanted_values

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT / "docs" / "paper"
#: Points of a box beyond its column that nobody sees.
OVERFULL = 5.0
PAGES = range(6, 9)
RENAMED = {"nano-s": "smollm2", "nano-m": "gemma3"}


def a_project(folder: Path) -> Path:
    """Copies of what the article reads, without study ``small``."""
    for name in ("docs/paper", "results/published/tables", "figures/published"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("build", "paper.pdf", "*.png"))
    for name, file in FILES.items():
        if name not in STUDIES:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)
    return folder


def with_small(project: Path) -> Path:
    """The same with a study ``small``: the demo's results under the names of its two models."""
    verdicts = json.loads((ROOT / "results/demo/verdicts.json").read_text())
    for claim in verdicts["claims"].values():
        claim["models"] = {name: claim["models"]["nano-s"] for name in RENAMED.values()}
    metrics = {name: json.loads((ROOT / "results/demo/metrics.json").read_text())["nano-s"] for name in RENAMED.values()}
    for folder in ("results/small/tables", "figures/small"):
        (project / folder).mkdir(parents=True)
    (project / "results/small/verdicts.json").write_text(json.dumps(verdicts))
    (project / "results/small/metrics.json").write_text(json.dumps(metrics))
    # as many rows as two models on four corpora have
    table = (ROOT / "results/demo/tables/main.tex").read_text(encoding="utf-8")
    row = next(line for line in table.splitlines() if "& seen text &" in line)
    (project / "results/small/tables/main.tex").write_text(table.replace(row, "\n".join([row] * 7)), encoding="utf-8")
    for name in ("captions.json", "verdicts.pdf"):
        shutil.copy(ROOT / "figures/demo" / name, project / "figures/small" / name)
    return project


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (r"A gain of 3 points.", ["A gain of 3 points."]),
        ("one\n\nand 0.25, here", ["and 0.25, here"]),
        (r"In \citet{yoon-etal-2023} \val{gain}{audit/x/350M} \ref{fig:a1} and 7", ["and 7"]),
        (r"\pipelinefigure{published/figure1}{A caption with 12 rows.}", ["A caption with 12 rows."]),
        (r"\ifstudy{small}{It gained 2.}{Not run.}", ["It gained 2."]),
        (r"F1 in fp16 and bf16; 4-bit; an H200", []),
        ("F10 and XF1", ["F10 and XF1", "F10 and XF1"]),
        (r"$5\,\%$", [r"$5\,\%$"]),
        ("It rose in nineteen of twenty rows, and one of them", ["nineteen", "twenty", "one of"]),
        (r"a two-sided test, \said{two} cores, \val{word}{a/b} rows, one text and epoch zero", []),
        ("\\val{gain}\n  {audit/x/3} and \\cite [p. 4] {a1}, 8", ["8"]),
        (r"\begin{tabular}{r} 1 & 2 \end{tabular} \bibliographystyle{a1}", ["1", "2"]),
    ],
)
def test_typed_numbers_are_found_and_others_are_not(source: str, found: list[str]) -> None:
    got = list(typed_numbers(source))
    assert [shown in text for shown, (_, text) in zip(found, got, strict=True)] == [True] * len(found)


def test_a_planted_digit_is_named_with_its_line(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    page = project / "docs/paper/paper.tex"
    text = page.read_text(encoding="utf-8")
    line = text.count("\n", 0, text.index(r"\section{Limits}")) + 1
    page.write_text(text.replace(r"\section{Limits}", r"\section{Limits} Some 42 of them."), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"paper\.tex:{line}: .*42"):
        write_numbers(project / "docs/paper", project, tmp_path / "numbers.tex")
    page.write_text(text.replace(r"\section{Limits}", r"\section{Limits} Some eleven of them."), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"paper\.tex:{line}: .*eleven"):
        write_numbers(project / "docs/paper", project, tmp_path / "numbers.tex")


def test_comments_may_hold_digits(tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_text("No digit, 5\\,\\% apart. % but 7 here\n".replace("5", ""), encoding="utf-8")
    assert list(read_sources(tmp_path).values()) == ["No digit, \\,\\% apart. \n"]
    (tmp_path / "a.tex").write_text("a & b \\\\% but 7 here\n", encoding="utf-8")
    assert list(read_sources(tmp_path).values()) == ["a & b \\\\\n"]


def test_no_sources_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no \.tex file"):
        read_sources(tmp_path)
    (tmp_path / "a.tex").write_bytes(b"\xff")
    with pytest.raises(BadInput, match=r"a\.tex: not readable"):
        read_sources(tmp_path)


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        ("count", [7152], "7,152"),
        ("count", ["4,501"], "4,501"),
        ("count sum", [3, 4.0], "7"),
        ("plain", [0.98], "0.98"),
        ("tenths", ["5.4 %"], "5.4"),
        ("gain", [-0.00123], "$-$0.12"),
        ("gain", [0.00001], "0.00"),
        ("gain range", [0.002, 0.001, 0.0015], "+0.10 to +0.20"),
        ("gain range", [0.001, 0.00101], "+0.10"),
        ("change", [-3.5031], "$-$3.50"),
        ("percent", [0.3971], r"39.7\,\%"),
        ("whole percent", [0.95], r"95\,\%"),
        ("power", [0.00005], r"\ensuremath{5\times 10^{-5}}"),
        ("power", [4.93e-32], r"\ensuremath{4.9\times 10^{-32}}"),
        ("power", [-0.00005], r"$-$\ensuremath{5\times 10^{-5}}"),
        ("power range", [1e-5, 2e-4], r"\ensuremath{1\times 10^{-5}} to \ensuremath{2\times 10^{-4}}"),
        ("plain", [2_000_000], r"\ensuremath{2\times 10^{6}}"),
        ("number", ["piqa", "copa"], "2"),
        ("count most", [11, 12], "12"),
        ("text", ["a_b 5 % \N{MINUS SIGN} c"], r"a\_b 5 \% $-$ c"),
    ],
)
def test_how_values_are_shown(kind: str, values: list[Any], text: str) -> None:
    assert tex(kind, shown(kind, "a/path", values)) == text


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        ("gain range", [-0.00123, 0.002], "\N{MINUS SIGN}0.12 to +0.20"),
        ("percent", [0.3971], "39.7 %"),
        ("power", [0.00005], "5e-5"),
        ("word", [11], "eleven"),
        ("Word number", ["a", "b"], "Two"),
        ("word sum", [1, 0, 2], "three"),
        ("number of undecided", ["undecided", "supported", "undecided"], "2"),
        ("word number of not supported", ["undecided", "not supported"], "one"),
        ("each text", ["undecided", "supported", "undecided"], "undecided, supported"),
    ],
)
def test_the_same_as_plain_text(kind: str, values: list[Any], text: str) -> None:
    assert shown(kind, "a/path", values) == text


def test_a_share_may_stand_in_the_path() -> None:
    assert shown("key", "audit/power/paired/0.95", [0.014]) == shown("key", "audit/printed/q95", [9]) == "95 %"


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("furlongs", [1], "kind furlongs"),
        ("text range", ["a"], "kind text range"),
        ("gain", [1, 2], "2 values"),
        ("gain", ["none"], "'none'"),
        ("gain", [None], "None"),
        ("gain", [float("nan")], "nan"),
        ("gain number", [1, 2], "kind gain number"),
        ("text", [None], "None"),
        ("text", [{"x": 1}], "'x'"),
        ("each text", ["a", ["b"]], "'b'"),
        ("word", [21], "21 as a word"),
        ("word", [-1], "-1 as a word"),
        ("word sum", [15, 10], "25 as a word"),
        ("word number", ["a"] * 21, "21 as a word"),
        ("key", [21], "no number at its end"),
    ],
)
def test_what_cannot_be_shown_is_bad_input(kind: str, values: list[Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        shown(kind, "a/path", values)


def test_what_may_stand_behind_a_kind_is_said_as_it_is() -> None:
    with pytest.raises(BadInput, match=r"word number, Word number, .*behind these range, least, most, sum\. "):
        shown("count number", "a/path", [1])


def test_a_share_with_two_points_is_none() -> None:
    with pytest.raises(BadInput, match="no number at its end"):
        shown("key", "a/1.2.3", [1])


def test_a_path_that_leads_nowhere_is_named_with_what_is_there() -> None:
    with pytest.raises(BadInput, match=r"a/x: nothing called x\. Allowed: b, c\. "):
        look_up({"a": {"b": 1, "c": 2}}, "a/x")
    with pytest.raises(BadInput, match=r"a/b/x: nothing called x\. Allowed: a path that ends here\. "):
        look_up({"a": {"b": 1}}, "a/b/x")
    assert look_up({"a": {"b": [5, 6], "c": [7]}}, "a/*/*") == [5, 6, 7]


def test_tables_of_a_page_are_read() -> None:
    page = "| `a` | b |\n| --- | ---: |\n| x | 1 |\n| **y** | 2 |\n\ntext\n\n| k | s | v |\n| --- | --- | --- |\n| p | 1 | 5 % |\n| p | 2 | 6 |\n"
    assert markdown_tables(page) == {
        "a": {"x": {"a": "x", "b": "1"}, "y": {"a": "y", "b": "2"}},
        "k": {"p": {"1": {"k": "p", "s": "1", "v": "5 %"}, "2": {"k": "p", "s": "2", "v": "6"}}},
    }
    assert markdown_tables("| a |\n| --- |\n| x |\n| x |\n") == {"a": {"x": {"a": "x"}}}


def test_every_value_of_the_article_is_in_the_results(tmp_path: Path) -> None:
    project = a_project(tmp_path)
    wanted = wanted_values(read_sources(project / "docs/paper"))
    count = write_numbers(project / "docs/paper", project, tmp_path / "numbers.tex")
    assert count == len([path for _, path in wanted if path.split("/")[0] not in STUDIES]) > 100
    text = (tmp_path / "numbers.tex").read_text(encoding="utf-8")
    assert r"\gapvalue{count}{audit/construction/classification/rows}{894}" in text and r"\gapstudy{small}" not in text
    with_small(project)
    assert write_numbers(project / "docs/paper", project, tmp_path / "numbers.tex") == len(wanted)
    assert r"\gapstudy{small}" in (tmp_path / "numbers.tex").read_text(encoding="utf-8")


def test_verdicts_stand_by_claim_and_in_the_order_of_sizes() -> None:
    rows = [row for row in tex_rows(verdict_rows(read_results(ROOT), "published")) if "&" in row]
    assert [row.split(" & ")[:2] for row in rows] == [[claim, model] for claim in "1234" for model in ("350M", "1.3B", "2.7B")]
    assert {row.count("&") for row in rows} == {8}
    with (ROOT / "results/published/tables/verdicts.md").open(encoding="utf-8") as page:
        printed = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page if re.match(r"\| [1-4] \|", line)]
    for row, other in zip(rows, printed, strict=True):
        cells = row.removesuffix(r" \\").split(" & ")
        assert cells[2:5] == [escape(other[3]), escape(other[4]), escape(other[5])] and cells[7] == other[2]


def test_verdicts_of_no_study_are_bad_input() -> None:
    tree = read_results(ROOT)
    for study, match in (("nosuch", "nosuch/claims: nothing called nosuch"), ("audit", "audit/claims: nothing called claims")):
        with pytest.raises(BadInput, match=match):
            verdict_rows(tree, study)


def test_a_missing_result_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_results(tmp_path)
    project = a_project(tmp_path)
    for damaged in (b"{", b"\xff"):
        (project / FILES["audit"]).write_bytes(damaged)
        with pytest.raises(BadInput, match="unreadable"):
            read_results(project)


def test_every_reference_is_cited_and_every_citation_is_there() -> None:
    text = (PAPER / "paper.tex").read_text(encoding="utf-8")
    cited = {key for keys in re.findall(r"\\cite[pt]?(?:\[[^\]]*\])*\{([^}]*)\}", text) for key in keys.split(",")}
    assert cited == set(re.findall(r"^@\w+\{([^,]+),", (PAPER / "references.bib").read_text(encoding="utf-8"), re.MULTILINE))


def test_make_says_what_to_install_where_latexmk_is_missing(tmp_path: Path) -> None:
    for tool in ("make", "sh", "mkdir", "sed"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    command = [str(tmp_path / "make"), "-o", "install", "paper", "VENV=.none"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path), "HOME": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout.startswith("latexmk is needed") and "texlive" in done.stdout and done.stdout.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("latexmk") is None or shutil.which("pdfinfo") is None, reason="needs latexmk and pdfinfo (poppler-utils)")
@pytest.mark.parametrize("small", ["not yet run", "run"])
def test_the_pdf_is_sound(tmp_path: Path, small: str) -> None:
    project = a_project(tmp_path) if small == "not yet run" else with_small(a_project(tmp_path))
    paper = project / "docs/paper"
    write_numbers(paper, project, paper / "build/numbers.tex")
    command = ["latexmk", "-cd", "-pdf", "-outdir=build", "-interaction=nonstopmode", "-halt-on-error", "-silent", str(paper / "paper.tex")]
    done = subprocess.run(command, capture_output=True, text=True)
    log = (paper / "build/paper.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert not [box for box in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(box) > OVERFULL]
    assert not re.findall(r"(?:Reference|Citation) `[^']*'[^.]*undefined|There were undefined|multiply defined", log)
    info = subprocess.run(["pdfinfo", str(paper / "build/paper.pdf")], capture_output=True, text=True, check=True).stdout
    assert int(re.findall(r"Pages:\s+(\d+)", info)[0]) in PAGES
    text = subprocess.run(["pdftotext", "-raw", str(paper / "build/paper.pdf"), "-"], capture_output=True, text=True, check=True).stdout
    words = " ".join(text.split())
    assert ("Not yet run." in words) == (small == "not yet run")
    assert ("Verdicts of the preregistered study" in words) == (small == "run")
