"""``gap fetch-upstream``, ``gap published`` and ``gap published-docs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import record_option


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


@record_option
def published(plan: Annotated[Path, typer.Option(help="plan.json of the study.")]) -> None:
    """Redraw and audit the authors' released results."""
    from gap.core.files import read_json
    from gap.published.stage import published as run

    run(read_json(plan))


def published_docs(
    page: Annotated[Path, typer.Option(help="The study's page.")] = Path("results/published/page.md"),
    docs: Annotated[Path, typer.Option(help="Folder of the documentation.")] = Path("docs"),
) -> None:
    """Renew the documentation's page on the published results."""
    from gap.published.docs import write_docs

    print(write_docs(page, docs))
