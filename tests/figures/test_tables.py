"""Tables: values against the estimates, and the three formats."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gap.figures.data import load
from gap.figures.stage import tables
from gap.figures.table import Column, Table, escape, show, to_csv, to_latex, to_markdown
from gap.figures.tables.familiarity import LABELS
from gap.figures.tables.familiarity import build as familiarity_table
from gap.figures.tables.main import build as main_table
from gap.figures.tables.tasks import build as task_table

SMALL = Table(
    "main", "A & B", "Cost 5 % of {x}_y.",
    (Column("name", "Name", "text"), Column("a_one", "one", "score", "A"), Column("a_two", "two", "change", "A")),
    (("x_1 | y", 1.0, -0.5), ("z", None, math.nan)), frozenset({1}),
)  # fmt: skip


@pytest.fixture(scope="module")
def written(plan: dict) -> dict:
    tables(plan)
    return plan


def test_main_table_holds_the_estimates(written: dict) -> None:
    rows = pd.read_csv(written["light"]["main_csv"])
    estimates = pd.read_csv(written["light"]["estimates"])
    assert list(rows["model"]) == ["0.2M"] * 4 + ["0.5M"] * 4 + ["1.2M"]
    assert list(rows["corpus"])[:4] == ["all", "seen text", "unseen prose", "source code"]
    want = estimates.query("model == 'big' and corpus == 'code' and task == 'average' and group == 'dialogue'").set_index("policy")
    row = rows.query("model == '0.5M' and corpus == 'source code'").iloc[0]
    for policy in ("best", "last"):
        assert row[f"dialogue_{policy}_mean"] == pytest.approx(want.loc[policy, "mean"] * 100, abs=1e-3)
        assert row[f"dialogue_{policy}_max"] == pytest.approx(want.loc[policy, "best"] * 100, abs=1e-3)
    assert row["dialogue_unmodified"] == pytest.approx(want.loc["best", "baseline"] * 100, abs=1e-3)
    assert (row["runs"], rows["runs"].iloc[0]) == (5, 15)


def test_task_table_holds_changes_and_chance(written: dict) -> None:
    rows = pd.read_csv(written["light"]["tasks_csv"]).set_index("task")
    estimates = (
        pd.read_csv(written["light"]["estimates"]).query("model == 'tiny' and corpus == 'all' and task == 'copa'").set_index("policy")
    )
    row = rows.loc["COPA"]
    assert row["chance"] == 50
    assert row["tiny_mean"] == pytest.approx(estimates.loc["best", "mean_gain"] * 100, abs=1e-3)
    assert row["tiny_max"] == pytest.approx((estimates.loc["best", "best"] - estimates.loc["best", "baseline"]) * 100, abs=1e-3)
    assert row["tiny_mean_last"] == pytest.approx(estimates.loc["last", "mean_gain"] * 100, abs=1e-3)
    assert list(rows.index[-1:]) == ["Classification average"]
    assert "huge_unmodified" in rows


def test_captions_name_baseline_and_runs(plan: dict) -> None:
    data = load(plan)
    for table in (main_table(data), task_table(data)):
        assert "15 runs per model" in table.caption
        assert f"0.2M {data.baselines['tiny', 'dialogue'] * 100:.2f}" in table.caption


def test_latex(written: dict) -> None:
    text = Path(written["light"]["main_tex"]).read_text()
    for part in ("\\toprule", "\\midrule", "\\bottomrule", "\\label{tab:main}", "\\multicolumn{5}{c}{Dialogue}", "\\cmidrule(lr){4-8}"):
        assert part in text
    body = [line for line in text.split("\n") if line.endswith(r"\\")]
    assert {line.count(" & ") for line in body[1:]} == {12}


def test_formats_of_a_small_table() -> None:
    assert to_csv(SMALL) == "name,a_one,a_two\nx_1 | y,1.0000,-0.5000\nz,,\n"
    assert to_markdown(SMALL).split("\n")[:4] == [
        "| Name | A: one | A: two |", "| --- | ---: | ---: |", "| x_1 \\| y | 1.00 | \N{MINUS SIGN}0.50 |", "| z |  |  |",
    ]  # fmt: skip
    latex = to_latex(SMALL)
    assert r"\caption{Cost 5 \% of \{x\}\_y.}" in latex
    assert r"x\_1 \textbar{} y & 1.00 & $-$0.50 \\" in latex
    assert latex.index("addlinespace") > latex.index("0.50")


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [(0.0, "change", "0.00"), (-0.001, "change", "0.00"), (0.1234, "change", "+0.12"), (-1.5, "change", "\N{MINUS SIGN}1.50"),
     (12.345, "score", "12.35"), (7, "count", "7"), (None, "score", "")],
)  # fmt: skip
def test_show(cell: float | None, kind: str, text: str) -> None:
    assert show(cell, kind) == text


@settings(max_examples=300)
@given(st.text(alphabet="ab1 *_`$~[]()<>!&;#|\\-/", min_size=1, max_size=14).map(str.strip).filter(bool))
@example("$x$ and *y*")
@example("_a_ b_c <b> &amp; [x](y)")
def test_markdown_shows_a_label_as_it_is(label: str) -> None:
    from html import unescape

    from markdown_it import MarkdownIt

    table = Table("one", "One", "Caption.", (Column("name", label, "text"),), ((label,),))
    text = to_markdown(table)
    assert "$" not in text.replace("\\$", ""), "GitHub takes it for mathematics"
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    assert [unescape(cell) for cell in re.findall(r"<t[hd]>(.*)</t[hd]>", html)] == [label, label]


@settings(max_examples=40)
@given(st.text(alphabet="ab&%$#_{}~^\\<>", max_size=12))
def test_escape_leaves_no_bare_special(text: str) -> None:
    left = escape(text)
    for command in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"\textless{}", r"\textgreater{}"):
        left = left.replace(command, "")
    for mark in "&%$#_{}":
        left = left.replace(f"\\{mark}", "")
    assert set(left) <= set("ab")


@settings(max_examples=30)
@given(st.lists(st.text(alphabet="ab,;\"'\n é", max_size=8), min_size=1, max_size=5))
def test_csv_reads_back(names: list[str]) -> None:
    table = Table("t", "", "", (Column("name", "Name", "text"), Column("v", "V")), tuple((name, 1.5) for name in names))
    rows = list(csv.reader(io.StringIO(to_csv(table), newline="")))
    assert [row[0] for row in rows[1:]] == names


def test_the_familiarity_table_holds_the_correlations_within_corpora(written: dict) -> None:
    table = familiarity_table(load(written))
    rows = pd.read_csv(written["light"]["familiarity"]).query("corpus == 'all' and policy == 'last' and group == 'classification'")
    found = {row[1]: row for row in table.rows if row[0] == "Classification"}
    assert list(found) == list(LABELS.values()) and len(table.columns) == 2 + 2 * 3
    for place, model in enumerate(("tiny", "big")):
        want = rows[rows["model"] == model].set_index("feature")
        for feature, label in LABELS.items():
            rho, interval, p = found[label][2 + 3 * place : 5 + 3 * place]
            if feature == "tokens":
                assert (rho, interval, p) == (None, None, None)
            else:
                assert rho == pytest.approx(want.loc[feature, "within_rho"], abs=1e-6)
                assert (
                    interval == f"{show(want.loc[feature, 'within_low'], 'change')} to {show(want.loc[feature, 'within_high'], 'change')}"
                )
                assert p == f"{want.loc[feature, 'within_p_holm']:.3f}"
    assert "Gain" in table.title and "gradient cosine" in Path(written["light"]["familiarity_md"]).read_text()
    assert "\\label{tab:familiarity}" in Path(written["light"]["familiarity_tex"]).read_text()
