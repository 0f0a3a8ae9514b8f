"""``gap fetch-upstream`` and ``gap published-docs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fetch_upstream(
    relative: Annotated[str, typer.Argument(help="Path inside the authors' repository.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
) -> None:
    """Fetch one of the authors' files, checked by hash."""
    from gap.core.files import writing
    from gap.fetch.upstream import read_upstream

    content = read_upstream(relative).read_bytes()
    with writing(out) as temporary:
        temporary.write_bytes(content)


def published_docs(
    page: Annotated[Path, typer.Option(help="The study's page.")] = Path("results/published/page.md"),
    docs: Annotated[Path, typer.Option(help="Folder of the documentation.")] = Path("docs"),
) -> None:
    """Renew the documentation's page on the published results."""
    from gap.published.docs import write_docs

    print(write_docs(page, docs))
