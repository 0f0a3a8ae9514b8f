"""The page, as HTML for the report and as Markdown for the documentation, from the same sections."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gap.figures.page import embedded, render
from gap.figures.table import Table, to_markdown
from gap.published.section import Section

#: Cells of a table that stands on the page unfolded, at most.
MOST_CELLS = 110


@dataclass(frozen=True)
class Chapter:
    """A heading over sections, with a sentence that introduces them."""

    title: str
    lead: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Page:
    """``facts`` are names and values of what the numbers come from; ``digest`` is the plan's; ``parameters`` are the study's, as YAML."""

    title: str
    study: str
    digest: str
    chapters: tuple[Chapter, ...]
    facts: tuple[tuple[str, str], ...]
    parameters: str


def html(page: Page, folder: Path) -> str:
    """One self-contained page; the figures are read from ``folder``."""
    return render("gap.published", "page.html", embedded=partial(embedded, folder), is_short=is_short, **vars(page))


def is_short(table: Table) -> bool:
    """Whether a table stands on the page as it is; a longer one is folded or linked."""
    return len(table.rows) * len(table.columns) <= MOST_CELLS


def markdown(page: Page, figures: str) -> str:
    """The same page for GitHub; ``figures`` is the folder that its image links name.  Tables come before prose."""
    lines = [f"# {page.title}", "", "<!-- Written by the study itself: see the last section before changing anything here. -->", ""]
    for chapter in page.chapters:
        lines += [f"## {chapter.title}", "", chapter.lead, ""]
        for section in chapter.sections:
            lines += [f"### {section.title}", ""] if section.title != chapter.title else []
            lines += [f"* {sentence}" for sentence in section.sentences] + [""]
            for figure in section.figures:
                lines += [
                    f"![{figure.title}]({figures}/{figure.name}.png)",
                    "",
                    f"*{figure.title}.* {figure.caption} [Data]({figures}/{figure.name}.csv).",
                    "",
                ]
            short = [table for table in section.tables if is_short(table)]
            for table in short:
                lines += [f"**{table.title}**", "", to_markdown(table)]
            links = [f"[{table.title}](tables/{table.name}.md)" for table in section.tables if table not in short]
            lines += [f"More: {', '.join(links)}.", ""] if links else []
    lines += ["## Where these numbers come from", "", *(f"* {name}: {value}" for name, value in page.facts)]
    return "\n".join(lines).rstrip() + "\n"
