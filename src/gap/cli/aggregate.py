"""``gap aggregate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def aggregate(plan: Annotated[Path, typer.Option(help="plan.json of the study.")]) -> None:
    """Write tidy tables, estimates, metrics and plot data."""
    from gap.aggregate.stage import aggregate as run
    from gap.aggregate.study_index import read_plan
    from gap.plan.light import write_record

    document = read_plan(plan)
    run(document)
    write_record(document, "aggregate")
