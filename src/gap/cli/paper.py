"""``gap paper-numbers`` and ``gap page-numbers``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def paper_numbers(
    folder: Annotated[Path, typer.Option(help="The article's sources.")] = Path("docs/paper"),
    root: Annotated[Path, typer.Option(help="The project, in which the results are.")] = Path(),
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("docs/paper/build/numbers.tex"),
) -> None:
    """Look up every number of the article in the results; refuse one that is typed."""
    from gap.paper.numbers import write_numbers

    print(f"{out}: {write_numbers(folder, root, out)} numbers")


def page_numbers(
    root: Annotated[Path, typer.Option(help="The project, in which the pages and the results are.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Name the differences, write nothing, and fail if there are any.")] = False,
) -> None:
    """Write the numbers of README.md and docs/results.md anew from the results; refuse one that no comment names."""
    from gap.paper.pages import renew_pages

    changes = renew_pages(root, write=not check)
    print("\n".join(changes) or "every number is what the results hold")
    if check and changes:
        raise typer.Exit(1)
