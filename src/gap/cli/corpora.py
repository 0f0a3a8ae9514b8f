"""``gap corpus`` and ``gap overlap``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import record_option

JOB = Annotated[str, typer.Option(help="The job as JSON, or @file.")]
ITEMS = Annotated[list[str], typer.Option(help="TASK=FILE or TASK/SPLIT=FILE; may be repeated.")]
OUT = Annotated[Path, typer.Option(help="The file to write.")]


def corpus(
    job: JOB,
    tokenizer: Annotated[Path, typer.Option(help="Tokenizer folder, or its tokenizer.json.")],
    out: OUT,
    items: ITEMS = [],  # noqa: B006 - typer reads the default, nothing changes it
) -> None:
    """Sample the texts of one corpus."""
    from gap.cli.job import item_files, read_job
    from gap.corpora.sample import sample_corpus
    from gap.params.corpora import CorpusJob

    sample_corpus(read_job(job, CorpusJob), tokenizer, item_files(items), out)


@record_option
def overlap(
    texts: Annotated[list[Path], typer.Option(help="A corpus; may be repeated.")],
    items: ITEMS,
    out: OUT,
    more: Annotated[list[Path] | None, typer.Argument(metavar="[TEXTS]...", help="Further corpora, after the first.")] = None,
) -> None:
    """List texts that share a run of 13 words with an evaluation item."""
    from gap.cli.job import item_files
    from gap.corpora.overlap import overlap_report

    overlap_report([*texts, *(more or [])], item_files(items), out)
