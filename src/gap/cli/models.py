"""``gap tokenizer`` and ``gap model``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import runtime_options
from gap.runtime.runtime import Runtime


def tokenizer(
    job: Annotated[str, typer.Option(help="The job (TokenizerJob) as JSON, or @file.")],
    out: Annotated[Path, typer.Option(help="The folder to fill; tokenizer.json is written last.")],
) -> None:
    """Train a tokenizer, or take one from files or the hub."""
    from gap.cli.job import read_job
    from gap.params.tokenizers import TokenizerJob
    from gap.pretrain.build_tokenizer import build_tokenizer

    build_tokenizer(read_job(job, TokenizerJob), out)


@runtime_options("device", "threads", "arithmetic")
def model(
    job: Annotated[str, typer.Option(help="The job (ModelJob) as JSON, or @file.")],
    tokenizer: Annotated[Path, typer.Option(help="Folder of the model's tokenizer, or a file in it.")],
    out: Annotated[Path, typer.Option(help="The folder to fill; provenance.json is written last.")],
    *,
    runtime: Runtime,
) -> None:
    """Pretrain a base model, or take one from a folder or the hub."""
    from gap.cli.job import folder_of, read_job
    from gap.params.models import ModelJob

    read = read_job(job, ModelJob)  # a wrong one is refused before torch is loaded
    from gap.pretrain.build import build_model

    build_model(read, folder_of(tokenizer), out, runtime)
