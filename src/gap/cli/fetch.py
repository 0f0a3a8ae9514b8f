"""``gap fetch-items`` and ``gap lock-fetched``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import record_option


def fetch_items(
    job: Annotated[str, typer.Option(help="The job (TaskJob) as JSON, or @file.")],
    out: Annotated[Path, typer.Option(help="The JSONL file to write; its provenance record goes beside it.")],
) -> None:
    """Fetch one split of one task."""
    from gap.cli.job import read_job
    from gap.fetch import items
    from gap.params.items import TaskJob

    items.fetch_items(read_job(job, TaskJob), out)


@record_option
def lock_fetched(
    outputs: Annotated[list[Path], typer.Argument(help="Main files of models, tokenizers, corpora and items.")],
    out: Annotated[Path, typer.Option(help="The lock to write.")],
) -> None:
    """Write what was fetched for a study: revision, hash and licence of every file."""
    from gap.fetch.lock import write_lock

    write_lock(outputs, out)
