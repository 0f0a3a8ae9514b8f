"""The page, as HTML for the report and as Markdown for the documentation, from the same sections."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import gap.figures.page
import gap.published
from gap import __version__
from gap.figures.style import SINGLE
from gap.figures.table import to_markdown
from gap.published.section import Figure, Section


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
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = resources.files(gap.published).joinpath("page.html").read_text(encoding="utf-8")
    style = resources.files(gap.figures.page).joinpath("page.css").read_text(encoding="utf-8")

    def image(figure: Figure) -> str:
        return base64.b64encode((folder / f"{figure.name}.png").read_bytes()).decode("ascii")

    def narrow(figure: Figure) -> bool:
        return _width(folder / f"{figure.name}.png") < 1.3 * SINGLE

    return environment.from_string(template).render(style=Markup(style), page=page, version=__version__, image=image, narrow=narrow)


def _width(path: Path) -> float:
    """Width of one of our PNGs in inches, from its header."""
    from gap.figures.style import SETTINGS

    return int.from_bytes(path.read_bytes()[16:20], "big") / SETTINGS["savefig.dpi"]


def markdown(page: Page, figures: str) -> str:
    """The same page for GitHub; ``figures`` is the folder that its image links name."""
    lines = [f"# {page.title}", "", "<!-- Written by the study itself: see the last section before changing anything here. -->", ""]
    for chapter in page.chapters:
        lines += [f"## {chapter.title}", "", chapter.lead, ""]
        for section in chapter.sections:
            heading = [f"### {section.title}", ""] if section.title != chapter.title else []
            lines += [*heading, *_paragraphs(section.sentences)]
            for figure in section.figures:
                lines += [f"![{figure.title}]({figures}/{figure.name}.png)", "", f"*{figure.title}.* {figure.caption}", ""]
            for table in section.tables:
                lines += [f"**{table.title}**", "", to_markdown(table)]
    lines += ["## Where these numbers come from", ""]
    lines += [f"* {name}: {value}" for name, value in page.facts]
    return "\n".join(lines).rstrip() + "\n"


def _paragraphs(sentences: Sequence[str]) -> list[str]:
    return [line for sentence in sentences for line in (sentence, "")]
