"""``gap post-train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import runtime_options
from gap.runtime.launch import launch
from gap.runtime.runtime import Runtime


@runtime_options()
def post_train(
    job: Annotated[str, typer.Option(help="The job (PosttrainJob) as JSON, or @file.")],
    model: Annotated[Path, typer.Option(help="Folder of the base model, or a file in it.")],
    corpus: Annotated[list[str], typer.Option(help="NAME=FILE of a corpus; may be repeated.")],
    out: Annotated[Path, typer.Option(help="The table to write; its provenance record goes beside it.")],
    *,
    runtime: Runtime,
) -> None:
    """Post-train a model on a shard of texts, run by run."""
    from functools import partial

    from gap.cli.job import folder_of, named_files, read_job, with_code
    from gap.params.posttrain import PosttrainJob

    read = read_job(job, PosttrainJob)  # a wrong one is refused before torch is loaded
    from gap.posttrain.job import posttrain

    work = partial(posttrain, with_code(read, "gap.posttrain.job"), folder_of(model), named_files("--corpus", corpus), out)
    launch(work, runtime)
