"""A table as data, and as CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

#: How a cell is written: a name, a count, a score in points, a signed change in points.
KINDS = ("text", "count", "score", "change")
Cell = str | float | int | None
Row = tuple[Cell, ...]
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"} | {
    mark: f"\\{mark}" for mark in "&%$#_{}"
}
#: A bar, which the oldest encoding writes as a dash; and what would belong to the line break in front of a row that begins with it.
LATEX |= {"|": r"\textbar{}", "[": "{[}", "*": "{*}"}
#: What GitHub's Markdown takes for markup or mathematics; an underscore only at the edge of a word, so that names stay readable.
MARKDOWN = re.compile(r"[\\|*`$~\[]|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])|(?<![^\W_])_|_(?![^\W_])")


@dataclass(frozen=True)
class Column:
    """``heading`` stands above neighbouring columns that share it; ``key`` names the column in the CSV."""

    key: str
    title: str
    kind: str = "score"
    heading: str = ""


@dataclass(frozen=True)
class Table:
    """``rows`` hold numbers as numbers; ``breaks`` are the rows that a thin rule goes above."""

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    breaks: frozenset[int] = frozenset()

    def headings(self) -> list[tuple[str, int]]:
        """Headings with the number of columns below each."""
        return [(heading, len(list(part))) for heading, part in groupby(self.columns, key=lambda column: column.heading)]

    def cells(self) -> list[list[str]]:
        """Rows as text, with a real minus sign."""
        return [[show(cell, column.kind) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows]

    def hover(self, index: int) -> str:
        """The number of runs or items behind a row and its intervals, for a pointer to show; empty where the table has neither."""
        cells = zip(self.columns, self.cells()[index], strict=True)
        shown = [(f"{column.heading}: {column.title}" if column.heading else column.title, column, cell) for column, cell in cells]
        counts = [f"{title} {cell}" for title, column, cell in shown if column.kind == "count" and cell]
        return "; ".join(counts + [f"{title} {cell}" for title, column, cell in shown if column.key.endswith("interval") and cell])


def joined(blocks: Iterable[Sequence[Row]]) -> tuple[tuple[Row, ...], frozenset[int]]:
    """The rows of all blocks, and the breaks between blocks."""
    rows: list[Row] = []
    breaks = set()
    for block in blocks:
        breaks.add(len(rows))
        rows += block
    return tuple(rows), frozenset(breaks - {0})


def show(cell: Cell, kind: str) -> str:
    """A cell as a reader sees it; empty for None and NaN."""
    if cell is None or cell != cell:
        return ""
    if kind == "change":
        text = f"{cell:+.2f}"
        return "0.00" if text[1:] == "0.00" else text.replace("-", "\N{MINUS SIGN}")
    return f"{cell:.2f}" if kind == "score" else str(cell)


def to_csv(table: Table) -> str:
    """One header line of keys; numbers with four decimals."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    for row in table.rows:
        writer.writerow([None if cell != cell else f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row])
    return stream.getvalue()


def to_markdown(table: Table) -> str:
    """A GitHub table with its caption below."""

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(MARKDOWN.sub(r"\\\g<0>", cell) for cell in cells) + " |"

    titles = [f"{column.heading}: {column.title}" if column.heading else column.title for column in table.columns]
    rule = ["---" if column.kind == "text" else "---:" for column in table.columns]
    return "\n".join([line(titles), line(rule), *(line(row) for row in table.cells()), "", table.caption, ""])


def escape(text: str) -> str:
    """Plain text for LaTeX."""
    return "".join(LATEX.get(letter, letter) for letter in text).replace("\N{MINUS SIGN}", "$-$")


def to_latex(table: Table) -> str:
    """A ``table*`` with booktabs rules, caption and the label ``tab:<name>``."""
    align = "".join("l" if column.kind == "text" else "r" for column in table.columns)
    lines = [
        "% Needs \\usepackage{booktabs}",
        "\\begin{table*}",
        "\\centering\\small\\setlength{\\tabcolsep}{4pt}",
        f"\\caption{{{escape(table.caption)}}}",
        f"\\label{{tab:{table.name}}}",
        f"\\begin{{tabular}}{{@{{}}{align}@{{}}}}",
        "\\toprule",
        *_latex_headings(table),
        " & ".join(escape(column.title) for column in table.columns) + r" \\",
        "\\midrule",
    ]
    for index, row in enumerate(table.cells()):
        lines += ["\\addlinespace"] if index in table.breaks else []
        lines.append(" & ".join(map(escape, row)) + r" \\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table*}", ""])


def _latex_headings(table: Table) -> list[str]:
    """The line of headings and the rules below them; nothing when no column has one."""
    if not any(column.heading for column in table.columns):
        return []
    cells, rules, start = [], [], 1
    for heading, width in table.headings():
        cells.append(f"\\multicolumn{{{width}}}{{c}}{{{escape(heading)}}}" if heading else " & " * (width - 1))
        if heading:
            rules.append(f"\\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return [" & ".join(cells) + r" \\", "".join(rules)]


#: File ending -> how a table is written.
FORMATS = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
