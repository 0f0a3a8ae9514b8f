"""``gap describe``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import runtime_options
from gap.runtime.launch import launch
from gap.runtime.runtime import Runtime


@runtime_options("device", "threads", "devices", "arithmetic")
def describe(
    job: Annotated[str, typer.Option(help="The job (DescribeJob) as JSON, or @file.")],
    model: Annotated[Path, typer.Option(help="Folder of the base model, or a file in it.")],
    corpus: Annotated[list[str], typer.Option(help="NAME=FILE of a corpus; may be repeated.")],
    out: Annotated[Path, typer.Option(help="The table to write; its provenance record goes beside it.")],
    items: Annotated[list[str], typer.Option(help="TASK/SPLIT=FILE of fetched items; may be repeated.")] = [],  # noqa: B006 - typer reads the default
    *,
    runtime: Runtime,
) -> None:
    """Describe texts by what the unmodified model makes of them."""
    from functools import partial

    from gap.cli.job import folder_of, item_files, named_files, read_job, with_code
    from gap.describe.job import describe as run
    from gap.params.describe import DescribeJob

    settings = with_code(read_job(job, DescribeJob), "gap.describe.job")
    launch(partial(run, settings, folder_of(model), item_files(items), named_files("--corpus", corpus), out), runtime)
