"""``gap describe``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.runtime.launch import DEVICES, on_devices


def describe(
    job: Annotated[str, typer.Option(help="The job (DescribeJob) as JSON, or @file.")],
    model: Annotated[Path, typer.Option(help="Folder of the base model, or a file in it.")],
    corpus: Annotated[list[str], typer.Option(help="NAME=FILE of a corpus; may be repeated.")],
    out: Annotated[Path, typer.Option(help="The table to write; its birth record goes beside it.")],
    items: Annotated[list[str], typer.Option(help="TASK/SPLIT=FILE of fetched items; may be repeated.")] = [],  # noqa: B006 - typer reads the default
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads, of all processes together.")] = 1,
    devices: DEVICES = 1,
) -> None:
    """Describe texts by what the unmodified model makes of them."""
    from functools import partial

    from gap.cli.job import item_files, named_files, read_job
    from gap.describe.stage import describe as run
    from gap.params.jobs import DescribeJob

    folder = model.parent if model.is_file() else model
    work = partial(run, read_job(job, DescribeJob), folder, item_files(items), named_files("--corpus", corpus), out, device)
    on_devices(work, devices, device, threads)
