"""The study's page as a page of the documentation."""

from __future__ import annotations

from pathlib import Path

from gap.core.errors import refusing
from gap.core.files import write_text
from gap.published.contents import FIGURES_LINK

NAME = "published-results.md"


def write_docs(page: Path, docs: Path) -> Path:
    """Copy ``page`` (results/STUDY/page.md) to ``docs`` with its links mended; returns the file written.

    Raises
    ------
    BadInput: the page has not been made, or is no UTF-8 text.
    """
    with refusing(str(page), "not readable", "the page of the study", "Run snakemake --cores all --config study=published."):
        text = page.read_text(encoding="utf-8")
    out = docs / NAME
    write_text(out, text.replace(f"]({FIGURES_LINK}/", "](../figures/").replace("](tables/", f"](../{page.parent.as_posix()}/tables/"))
    return out
