"""``gap paper-numbers``."""

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
