"""``gap export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    plan: Annotated[Path, typer.Option(help="plan.json of the study.")],
    model: Annotated[str, typer.Option(help="Name of the model in params.yaml.")],
    out: Annotated[Path, typer.Option(help="The folder to fill; gap_recipe.json is written last.")],
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Write the model's best checkpoint as a normal Hugging Face folder."""
    from gap.checkpoints.export import export as run
    from gap.core.files import read_json
    from gap.plan.light import write_record

    document = read_json(plan)
    run(document, model, out, device, threads)
    write_record(document, f"export-{model}")
