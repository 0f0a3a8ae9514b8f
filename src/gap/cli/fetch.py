"""``gap fetch-items``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fetch_items(
    job: Annotated[str, typer.Option(help="The job (TaskJob) as JSON, or @file.")],
    out: Annotated[Path, typer.Option(help="The JSONL file to write; its provenance record goes beside it.")],
) -> None:
    """Fetch one split of one task."""
    from gap.cli.job import read_job
    from gap.fetch import items
    from gap.params.items import TaskJob

    items.fetch_items(read_job(job, TaskJob), out)
